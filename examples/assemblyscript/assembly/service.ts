// A counter, over HTTP.

import { Request, isNumber } from "./request";

let count: i64 = 0;

export function answer(request: Request): ArrayBuffer {
  if (request.refusal != "") return respond(request, request.refusal, "text/plain", "");
  const get = request.method == "GET";
  const post = request.method == "POST";
  if (request.path == "/" && get) return respond(request, "200 OK", "text/plain", "hello from assemblyscript\n");
  if (request.path == "/count" && (get || post)) {
    if (post && !isNumber(request.body)) {
      return respond(request, "400 Bad Request", "text/plain", "the body is not a number\n");
    }
    if (post) count += I64.parseInt(request.body);
    return respond(request, "200 OK", "application/json", `{"count":${count}}\n`);
  }
  return respond(request, "404 Not Found", "text/plain", "not found\n");
}

function respond(request: Request, status: string, type: string, body: string): ArrayBuffer {
  const length = String.UTF8.byteLength(body);
  const end = request.last ? "connection: close\r\n" : "";
  return String.UTF8.encode(
    `HTTP/1.1 ${status}\r\ncontent-type: ${type}\r\ncontent-length: ${length}\r\n${end}\r\n${body}`
  );
}
