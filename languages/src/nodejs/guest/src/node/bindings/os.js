// The machine that a guest sees.
import { sinceStart } from '../../loop.js';

const home = () => process.env.HOME || '/';
const priorities = new Map();
const IPV6 = 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', MAC = '00:00:00:00:00:00';
const noProcess = (context, syscall) => {
  Object.assign(context, { errno: -3, code: 'ESRCH', message: 'no such process', syscall });
  return undefined;
};

export const os = {
  getAvailableParallelism: () => 1,
  getCPUs: () => ['wasm', 0, 0, 0, 0, 0, 0],
  getTotalMem: () => process.constrainedMemory(),
  getFreeMem: () => process.availableMemory(),
  getHomeDirectory: home,
  getHostname: () => process.env.HOSTNAME || 'localhost',
  getInterfaceAddresses: () => ['lo', '127.0.0.1', '255.0.0.0', 'IPv4', MAC, true, -1, 'lo', '::1', IPV6, 'IPv6', MAC, true, 0],
  getLoadAvg(averages) { averages.fill(0); },
  getOSInformation: () => ['Linux', 'wasmrun', '0.0.0', 'wasm32'],
  getUptime: () => sinceStart() / 1e3,
  getUserInfo(options) {
    const shown = (text) => (options?.encoding === 'buffer' ? Buffer.from(text) : text);
    return { uid: 0, gid: 0, username: shown('guest'), homedir: shown(home()), shell: null };
  },
  getPriority: (pid, context) => (pid === 0 || pid === process.pid ? (priorities.get(process.pid) ?? 0) : noProcess(context, 'uv_os_getpriority')),
  setPriority(pid, priority, context) {
    if (pid !== 0 && pid !== process.pid) {
      noProcess(context, 'uv_os_setpriority');
      return context.errno;
    }
    priorities.set(process.pid, priority);
    return 0;
  },
  isBigEndian: false,
};
export const credentials = { safeGetenv: (name) => process.env[name], implementsPosixCredentials: true };
