// node:http.
import { Agent } from './http-agent.js';
import { ClientRequest, get, request, shared } from './http-client.js';
import { maxHeaderSize, validateHeaderName, validateHeaderValue } from './http-headers.js';
import { IncomingMessage } from './http-incoming.js';
import { METHODS, STATUS_CODES } from './http-names.js';
import { OutgoingMessage } from './http-outgoing.js';
import { ServerResponse } from './http-response.js';
import { Server, createServer } from './http-server.js';

export const setMaxIdleHTTPParsers = () => {};
export {
  Agent, ClientRequest, IncomingMessage, METHODS, OutgoingMessage, STATUS_CODES, Server, ServerResponse, createServer, get, maxHeaderSize, request,
  validateHeaderName, validateHeaderValue,
};
export default {
  Server, IncomingMessage, ServerResponse, OutgoingMessage, Agent, ClientRequest, createServer, request, get,
  STATUS_CODES, METHODS, maxHeaderSize, validateHeaderName, validateHeaderValue, setMaxIdleHTTPParsers,
  get globalAgent() { return shared.agent; },
  set globalAgent(agent) { shared.agent = agent; },
};
