/** What a client asks for. */
export class Request {
  /** Why it is none, as a status; empty when it is one. */
  refusal: string = "";
  method: string = "";
  path: string = "";
  body: string = "";
  /** Whether the connection ends with its answer. */
  last: bool = false;
  /** How many bytes it took. */
  length: i32 = 0;

  static refused(status: string): Request {
    const request = new Request();
    request.refusal = status;
    request.last = true;
    return request;
  }

  /** The first of what may be several requests; null while more has to come. */
  static read(bytes: StaticArray<u8>, length: i32): Request | null {
    const start = changetype<usize>(bytes);
    const end = endOfHead(start, length);
    if (end < 0) return length < bytes.length ? null : Request.refused("413 Content Too Large");
    const lines = String.UTF8.decodeUnsafe(start, end).split("\r\n");
    const words = lines[0].split(" ");
    if (words.length != 3 || !words[2].startsWith("HTTP/1.")) return Request.refused("400 Bad Request");
    const request = new Request();
    request.method = words[0];
    request.path = words[1];
    request.last = words[2] == "HTTP/1.0";
    let body: i64 = 0;
    for (let at = 1; at < lines.length; at++) {
      const colon = lines[at].indexOf(":");
      if (colon < 0) return Request.refused("400 Bad Request");
      const name = lines[at].slice(0, colon).toLowerCase();
      const value = lines[at].slice(colon + 1).trim();
      if (name == "content-length") {
        if (!isNumber(value)) return Request.refused("400 Bad Request");
        body = I64.parseInt(value);
      } else if (name == "transfer-encoding") {
        return Request.refused("501 Not Implemented");
      } else if (name == "connection" && value.toLowerCase() == "close") {
        request.last = true;
      }
    }
    const begin = end + 4;
    if (body > bytes.length - begin) return Request.refused("413 Content Too Large");
    request.length = begin + <i32>body;
    if (request.length > length) return null;
    request.body = String.UTF8.decodeUnsafe(start + begin, <usize>body);
    return request;
  }
}

/** Whether it is digits alone, and no more than an i64 holds. */
export function isNumber(text: string): bool {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return false;
  }
  return text.length > 0 && text.length <= 18;
}

/** Where the empty line begins. */
function endOfHead(start: usize, length: i32): i32 {
  for (let at = 0; at + 4 <= length; at++) {
    if (load<u32>(start + at) == 0x0a0d0a0d) return at; // two times CR LF
  }
  return -1;
}
