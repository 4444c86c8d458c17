;; world http-and-clock: what a client can do to a handler of wasi:http 0.2. The path's first letter says what it does:
;; r reads the body and answers with how many bytes it had; w waits a second first; l answers with 64 MiB; t traps; any other
;; is answered at once. It traps, too, when its client is gone in the middle.
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $new-fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.path-with-query" (func $path (param $request i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-request.consume" (func $consume (param $request i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[method]incoming-body.stream" (func $incoming (param $body i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $new-response (param $headers i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param $response i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param $body i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish"
    (func $finish (param $body i32) (param $trailers i32) (param $trailers-length i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $respond (param $out i32) (param $is-error i32) (param $response i32) (param i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-body" (func $drop-incoming (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.blocking-read"
    (func $read (param $stream i32) (param $most i64) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]input-stream" (func $drop-input (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write-all (param $stream i32) (param $bytes i32) (param $bytes-length i32) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))
  (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration" (func $after (param i64) (result i32)))
  (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))

  (memory (export "memory") 2)
  ;; 128 results; 256 a number as text; 4096 what the host gives, and what is sent of the large answer
  (global $result i32 (i32.const 128))
  (global $digits i32 (i32.const 256))

  (func $wait (local $pollable i32)
    (local.set $pollable (call $after (i64.const 1000000000)))
    (call $block (local.get $pollable))
    (call $drop-pollable (local.get $pollable)))

  ;; Reads all of the body, and says how much that was.
  (func $length (param $request i32) (result i32)
    (local $body i32) (local $stream i32) (local $length i32)
    (call $consume (local.get $request) (global.get $result))
    (local.set $body (i32.load offset=4 (global.get $result)))
    (call $incoming (local.get $body) (global.get $result))
    (local.set $stream (i32.load offset=4 (global.get $result)))
    (block $end (loop $more
      (call $read (local.get $stream) (i64.const 32768) (global.get $result))
      (if (i32.load8_u (global.get $result)) (then
        ;; 1 is the end, 0 is an error.
        (if (i32.eqz (i32.load8_u offset=4 (global.get $result))) (then unreachable))
        (br $end)))
      (local.set $length (i32.add (local.get $length) (i32.load offset=8 (global.get $result))))
      (br $more)))
    (call $drop-input (local.get $stream))
    (call $drop-incoming (local.get $body))
    (local.get $length))

  ;; Seven digits and a line's end.
  (func $print (param $number i32) (local $at i32)
    (local.set $at (i32.const 7))
    (i32.store8 offset=7 (global.get $digits) (i32.const 10))
    (loop $more
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i32.store8 (i32.add (global.get $digits) (local.get $at))
        (i32.add (i32.const 48) (i32.rem_u (local.get $number) (i32.const 10))))
      (local.set $number (i32.div_u (local.get $number) (i32.const 10)))
      (br_if $more (local.get $at))))

  (func $send (param $stream i32) (param $bytes i32) (param $length i32)
    (call $write-all (local.get $stream) (local.get $bytes) (local.get $length) (global.get $result))
    (if (i32.load8_u (global.get $result)) (then unreachable)))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $letter i32) (local $response i32) (local $body i32) (local $stream i32) (local $left i32)
    (call $path (local.get $request) (global.get $result))
    (local.set $letter (i32.load8_u offset=1 (i32.load offset=4 (global.get $result))))
    (if (i32.eq (local.get $letter) (i32.const 116)) (then unreachable))
    (if (i32.eq (local.get $letter) (i32.const 119)) (then (call $wait)))
    (if (i32.eq (local.get $letter) (i32.const 114)) (then (call $print (call $length (local.get $request))))
      (else (call $print (i32.const 0))))
    (call $drop-request (local.get $request))
    (local.set $response (call $new-response (call $new-fields)))
    (call $body (local.get $response) (global.get $result))
    (local.set $body (i32.load offset=4 (global.get $result)))
    (call $respond (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $body) (global.get $result))
    (local.set $stream (i32.load offset=4 (global.get $result)))
    (if (i32.eq (local.get $letter) (i32.const 108))
      (then
        (local.set $left (i32.const 16384))
        (loop $more
          (call $send (local.get $stream) (i32.const 4096) (i32.const 4096))
          (local.set $left (i32.sub (local.get $left) (i32.const 1)))
          (br_if $more (local.get $left))))
      (else (call $send (local.get $stream) (global.get $digits) (i32.const 8))))
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (global.get $result)))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 4096)))
