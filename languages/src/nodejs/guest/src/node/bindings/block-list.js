// Addresses and lists of them, for net.BlockList and net.SocketAddress.
import { isIPv4, parse6, text6 } from '../../addresses.js';

const [AF_INET, AF_INET6] = [2, 10]; // address_families(7)
const MAPPED = 0xffffn << 32n; // ::ffff:0:0/96

class SocketAddress {
  #text; #port; #family; #flow;
  constructor(address, port, family, flow) {
    const groups = family === AF_INET6 ? parse6(address) : null;
    if (family === AF_INET ? !isIPv4(address) : groups === null) throw Object.assign(new Error('Invalid address'), { code: 'ERR_INVALID_ADDRESS' });
    this.#family = family;
    this.#port = port;
    this.#flow = flow;
    this.#text = groups === null ? address : text6(groups);
    // IPv4 is compared as what it is mapped to in IPv6.
    this.number = groups === null ? MAPPED | number(address.split('.').map(Number), 8n) : number(groups, 16n);
  }
  get family() { return this.#family; }
  detail(detail) { return Object.assign(detail, { address: this.#text, port: this.#port, family: this.#family, flowlabel: this.#flow }); }
  flowlabel() { return this.#flow; }
  toString() { return this.#text; }
}
const number = (parts, bits) => parts.reduce((sum, part) => (sum << bits) | BigInt(part), 0n);
const shown = ({ family }) => (family === AF_INET ? 'IPv4' : 'IPv6');

class BlockList {
  #rules = [];
  #add(low, high, text) { this.#rules.unshift({ low, high, text }); }
  addAddress(address) { this.#add(address.number, address.number, `Address: ${shown(address)} ${address}`); }
  addRange(start, end) {
    if (start.number > end.number) return false;
    this.#add(start.number, end.number, `Range: ${shown(start)} ${start}-${end}`);
    return true;
  }
  addSubnet(network, prefix) {
    const rest = BigInt((network.family === AF_INET ? 32 : 128) - prefix);
    const low = (network.number >> rest) << rest;
    this.#add(low, low | ((1n << rest) - 1n), `Subnet: ${shown(network)} ${network}/${prefix}`);
  }
  check({ number }) { return this.#rules.some(({ low, high }) => low <= number && number <= high); }
  getRules() { return this.#rules.map(({ text }) => text); }
}

export const blockList = { AF_INET, AF_INET6, FLOW_LABEL_MASK: 0x000fffff, SocketAddress, BlockList };
