;; Answers every HTTP request with "hello from wasmrun".
;;
;; The core module of a component for the world `http` in examples/wit. Its imports and exports follow the canonical ABI
;; of the component model: a resource is a number, a string or list is an address and a length, and a result that does
;; not fit into one number is written to an address that is given last. hello.wasm is this file made a component; a
;; test checks that they belong together.
(module
  (import "wasi:http/types@0.2.0" "[constructor]fields" (func $new-fields (result i32)))
  (import "wasi:http/types@0.2.0" "[method]fields.append"
    (func $append (param $fields i32) (param $name i32) (param $name-length i32) (param $value i32) (param $value-length i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[constructor]outgoing-response" (func $new-response (param $headers i32) (result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-response.body" (func $body (param $response i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[method]outgoing-body.write" (func $write (param $body i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[static]outgoing-body.finish"
    (func $finish (param $body i32) (param $trailers i32) (param $trailers-length i32) (param $result i32)))
  (import "wasi:http/types@0.2.0" "[static]response-outparam.set"
    (func $respond (param $out i32) (param $is-error i32) (param $response i32) (param i32 i64 i32 i32 i32 i32)))
  (import "wasi:http/types@0.2.0" "[resource-drop]incoming-request" (func $drop-request (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.blocking-write-and-flush"
    (func $write-all (param $stream i32) (param $bytes i32) (param $bytes-length i32) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-stream (param i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "content-type")
  (data (i32.const 16) "text/plain; charset=utf-8")
  (data (i32.const 48) "content-length")
  (data (i32.const 64) "19")
  (data (i32.const 80) "hello from wasmrun\n")
  ;; Results are written here: whether it is an error, then at +4 the value.
  (global $result i32 (i32.const 128))

  (func (export "wasi:http/incoming-handler@0.2.0#handle") (param $request i32) (param $out i32)
    (local $headers i32) (local $response i32) (local $body i32) (local $stream i32)
    (call $drop-request (local.get $request))
    (local.set $headers (call $new-fields))
    (call $append (local.get $headers) (i32.const 0) (i32.const 12) (i32.const 16) (i32.const 25) (global.get $result))
    (call $append (local.get $headers) (i32.const 48) (i32.const 14) (i32.const 64) (i32.const 2) (global.get $result))
    (local.set $response (call $new-response (local.get $headers)))
    (call $body (local.get $response) (global.get $result))
    (local.set $body (i32.load offset=4 (global.get $result)))
    ;; The response goes out before its body, so that the host can send while we write.
    (call $respond (local.get $out) (i32.const 0) (local.get $response)
      (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $write (local.get $body) (global.get $result))
    (local.set $stream (i32.load offset=4 (global.get $result)))
    (call $write-all (local.get $stream) (i32.const 80) (i32.const 19) (global.get $result))
    ;; A body can only be finished when its stream is gone.
    (call $drop-stream (local.get $stream))
    (call $finish (local.get $body) (i32.const 0) (i32.const 0) (global.get $result)))

  ;; Only errors would need memory of ours, and none of them is looked at.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (i32.const 1024)))
