// Numbers and names that both sides have to agree on.
import { ERRORS } from './errno.js';
import { constants as fs } from './fs.js';

// signal(7), x86 and most others.
export const SIGNALS = {
  SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGILL: 4, SIGTRAP: 5, SIGABRT: 6, SIGIOT: 6, SIGBUS: 7, SIGFPE: 8, SIGKILL: 9, SIGUSR1: 10, SIGSEGV: 11, SIGUSR2: 12, SIGPIPE: 13, SIGALRM: 14, SIGTERM: 15, SIGCHLD: 17, SIGSTKFLT: 16, SIGCONT: 18, SIGSTOP: 19, SIGTSTP: 20, SIGTTIN: 21, SIGTTOU: 22, SIGURG: 23, SIGXCPU: 24, SIGXFSZ: 25, SIGVTALRM: 26, SIGPROF: 27, SIGWINCH: 28, SIGIO: 29, SIGPOLL: 29, SIGPWR: 30, SIGSYS: 31,
};
const os = {
  __proto__: null,
  UV_UDP_REUSEADDR: 4,
  dlopen: { __proto__: null, RTLD_LAZY: 1, RTLD_NOW: 2, RTLD_GLOBAL: 256, RTLD_LOCAL: 0, RTLD_DEEPBIND: 8 },
  errno: { __proto__: null, ...Object.fromEntries(ERRORS.map(([name, number]) => [name, number])) },
  signals: { __proto__: null, ...SIGNALS },
  priority: { __proto__: null, PRIORITY_LOW: 19, PRIORITY_BELOW_NORMAL: 10, PRIORITY_NORMAL: 0, PRIORITY_ABOVE_NORMAL: -7, PRIORITY_HIGH: -14, PRIORITY_HIGHEST: -20 },
};
export const constants = {
  os,
  fs,
  trace: { TRACE_EVENT_PHASE_BEGIN: 66, TRACE_EVENT_PHASE_END: 69, TRACE_EVENT_PHASE_NESTABLE_ASYNC_BEGIN: 98, TRACE_EVENT_PHASE_NESTABLE_ASYNC_END: 101, TRACE_EVENT_PHASE_NESTABLE_ASYNC_INSTANT: 110, TRACE_EVENT_PHASE_COUNTER: 67 },
};
// Tables of Unicode are ICU's; without them these modules have smaller ones.
export const config = { hasIntl: false, hasSmallICU: false, hasInspector: false, hasOpenSSL: true, hasCrypto: true, hasTracing: false, hasNodeOptions: true, noBrowserGlobals: false, isDebugBuild: false, fipsMode: false, bits: 64, hasDtrace: false };
export const traceEvents = { available: false, trace() {}, isTraceCategoryEnabled: () => false, setTraceCategoryStateUpdateHandler() {}, getCategoryEnabledBuffer: () => new Uint8Array(1) };

const named = (names) => Object.fromEntries(names.map((name) => [name, Symbol(name)]));
export const symbols = named([
  'async_context_frame', 'async_id_symbol', 'handle_onclose', 'no_message_symbol', 'messaging_deserialize_symbol', 'messaging_transfer_symbol', 'messaging_clone_symbol', 'messaging_transfer_list_symbol', 'oninit', 'onpskexchange', 'owner_symbol', 'resource_symbol', 'trigger_async_id_symbol', 'imported_cjs_symbol', 'source_text_module_default_hdo', 'vm_context_no_contextify', 'vm_dynamic_import_default_internal', 'vm_dynamic_import_main_context_default', 'vm_dynamic_import_missing_flag', 'vm_dynamic_import_no_callback',
]);
export const privateSymbols = named([
  'arrow_message_private_symbol', 'contextify_context_private_symbol', 'decorated_private_symbol', 'entry_point_module_private_symbol', 'entry_point_promise_private_symbol', 'exit_info_private_symbol', 'host_defined_option_symbol', 'module_circular_visited_private_symbol', 'module_export_names_private_symbol', 'module_export_private_symbol', 'module_parent_private_symbol', 'module_source_private_symbol', 'napi_type_tag', 'napi_wrap', 'require_private_symbol', 'source_map_data_private_symbol', 'transfer_mode_private_symbol', 'untransferable_object_private_symbol',
]);
