;; wasi:http 0.3 component: answers every request with "hello from 0.3". Proves that a handler of WASI 0.3 is served, with
;; its asynchronous calls: the response is given away first, and its body is written while the host sends it.
(component
  (import "wasi:http/types@0.3.0" (instance $http
    (export "fields" (type $fields (sub resource)))
    (export "request" (type (sub resource)))
    (export "response" (type $response (sub resource)))
    (type $dns (record (field "rcode" (option string)) (field "info-code" (option u16))))
    (export "DNS-error-payload" (type $dns-error (eq $dns)))
    (type $tls (record (field "alert-id" (option u8)) (field "alert-message" (option string))))
    (export "TLS-alert-received-payload" (type $tls-alert (eq $tls)))
    (type $size (record (field "field-name" (option string)) (field "field-size" (option u32))))
    (export "field-size-payload" (type $field-size (eq $size)))
    (type $errors (variant
      (case "DNS-timeout") (case "DNS-error" $dns-error) (case "destination-not-found") (case "destination-unavailable")
      (case "destination-IP-prohibited") (case "destination-IP-unroutable") (case "connection-refused")
      (case "connection-terminated") (case "connection-timeout") (case "connection-read-timeout")
      (case "connection-write-timeout") (case "connection-limit-reached") (case "TLS-protocol-error")
      (case "TLS-certificate-error") (case "TLS-alert-received" $tls-alert) (case "HTTP-request-denied")
      (case "HTTP-request-length-required") (case "HTTP-request-body-size" (option u64))
      (case "HTTP-request-method-invalid") (case "HTTP-request-URI-invalid") (case "HTTP-request-URI-too-long")
      (case "HTTP-request-header-section-size" (option u32)) (case "HTTP-request-header-size" (option $field-size))
      (case "HTTP-request-trailer-section-size" (option u32)) (case "HTTP-request-trailer-size" $field-size)
      (case "HTTP-response-incomplete") (case "HTTP-response-header-section-size" (option u32))
      (case "HTTP-response-header-size" $field-size) (case "HTTP-response-body-size" (option u64))
      (case "HTTP-response-trailer-section-size" (option u32)) (case "HTTP-response-trailer-size" $field-size)
      (case "HTTP-response-transfer-coding" (option string)) (case "HTTP-response-content-coding" (option string))
      (case "HTTP-response-timeout") (case "HTTP-upgrade-failed") (case "HTTP-protocol-error") (case "loop-detected")
      (case "configuration-error") (case "internal-error" (option string))))
    (export "error-code" (type $error-code (eq $errors)))
    (type $header-errors (variant
      (case "invalid-syntax") (case "forbidden") (case "immutable") (case "size-exceeded") (case "other" (option string))))
    (export "header-error" (type $header-error (eq $header-errors)))
    (export "[constructor]fields" (func (result (own $fields))))
    (export "[method]fields.append" (func
      (param "self" (borrow $fields)) (param "name" string) (param "value" (list u8))
      (result (result (error $header-error)))))
    (export "[static]response.new" (func
      (param "headers" (own $fields)) (param "contents" (option (stream u8)))
      (param "trailers" (future (result (option (own $fields)) (error $error-code))))
      (result (tuple (own $response) (future (result (error $error-code)))))))))
  (alias export $http "fields" (type $fields))
  (alias export $http "request" (type $request))
  (alias export $http "response" (type $response))
  (alias export $http "error-code" (type $error-code))
  (type $bytes (stream u8))
  (type $trailers (future (result (option (own $fields)) (error $error-code))))
  (type $sent (future (result (error $error-code))))
  (type $answer (result (own $response) (error $error-code)))

  (core module $memory
    (memory (export "memory") 1)
    ;; Only details of errors would come here, and nobody reads them.
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))
  (alias core export $memory "realloc" (core func $realloc))

  (core module $service
    (import "memory" "memory" (memory 1))
    (import "host" "fields" (func $new-fields (result i32)))
    (import "host" "append"
      (func $append (param $fields i32) (param $name i32) (param $name-length i32) (param $value i32) (param $length i32) (param $result i32)))
    (import "host" "response"
      (func $new-response (param $fields i32) (param $has-body i32) (param $body i32) (param $trailers i32) (param $result i32)))
    (import "host" "drop-request" (func $drop-request (param i32)))
    ;; A new stream or future is two handles in one number: the end to read from is the lower half.
    (import "host" "new-stream" (func $new-stream (result i64)))
    (import "host" "write-stream" (func $write-stream (param $end i32) (param $bytes i32) (param $length i32) (result i32)))
    (import "host" "drop-stream" (func $drop-stream (param $end i32)))
    (import "host" "new-trailers" (func $new-trailers (result i64)))
    (import "host" "write-trailers" (func $write-trailers (param $end i32) (param $value i32) (result i32)))
    (import "host" "drop-trailers" (func $drop-trailers (param $end i32)))
    (import "host" "drop-sent" (func $drop-sent (param $end i32)))
    (import "host" "new-set" (func $new-set (result i32)))
    (import "host" "join" (func $join (param $end i32) (param $set i32)))
    (import "host" "drop-set" (func $drop-set (param $set i32)))
    (import "host" "get-task" (func $get-task (result i32)))
    (import "host" "set-task" (func $set-task (param i32)))
    (import "host" "return" (func $return (param $is-error i32) (param $response i32) (param i32 i64 i32 i32 i32 i32)))

    (data (i32.const 0) "content-type")
    (data (i32.const 16) "text/plain")
    (data (i32.const 32) "hello from 0.3\n")
    ;; 64 results; 256 the trailers, all zero: "all went well, and there are none"

    (func (export "handle") (param $request i32) (result i32)
      (local $fields i32) (local $stream i64) (local $trailers i64) (local $set i32) (local $pending i32)
      (call $drop-request (local.get $request))
      (local.set $fields (call $new-fields))
      (call $append (local.get $fields) (i32.const 0) (i32.const 12) (i32.const 16) (i32.const 10) (i32.const 64))
      (if (i32.load8_u (i32.const 64)) (then unreachable))
      (local.set $stream (call $new-stream))
      (local.set $trailers (call $new-trailers))
      (call $new-response (local.get $fields) (i32.const 1) (i32.wrap_i64 (local.get $stream)) (i32.wrap_i64 (local.get $trailers)) (i32.const 64))
      ;; The second result would tell how the sending went.
      (call $drop-sent (i32.load (i32.const 68)))
      (call $return (i32.const 0) (i32.load (i32.const 64))
        (i32.const 0) (i64.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))

      ;; The task goes on after it has returned. -1 says that the host has not taken it yet; an event will follow.
      (local.set $set (call $new-set))
      (if (i32.eq (call $write-stream (call $writer (local.get $stream)) (i32.const 32) (i32.const 15)) (i32.const -1))
        (then
          (call $join (call $writer (local.get $stream)) (local.get $set))
          (local.set $pending (i32.const 1)))
        (else (call $drop-stream (call $writer (local.get $stream)))))
      (if (i32.eq (call $write-trailers (call $writer (local.get $trailers)) (i32.const 256)) (i32.const -1))
        (then
          (call $join (call $writer (local.get $trailers)) (local.get $set))
          (local.set $pending (i32.add (local.get $pending) (i32.const 1))))
        (else (call $drop-trailers (call $writer (local.get $trailers)))))
      (call $wait (local.get $set) (local.get $pending)))

    (func $writer (param $both i64) (result i32)
      (i32.wrap_i64 (i64.shr_u (local.get $both) (i64.const 32))))

    ;; What to tell the host: 0 is "the task is over", 2 and a set is "call back when something in the set has happened".
    ;; Several requests may be on their way at once, so what is to be remembered is remembered with the task.
    (func $wait (param $set i32) (param $pending i32) (result i32)
      (if (i32.eqz (local.get $pending)) (then
        (call $drop-set (local.get $set))
        (return (i32.const 0))))
      (call $set-task (i32.or (i32.shl (local.get $set) (i32.const 2)) (local.get $pending)))
      (i32.or (i32.shl (local.get $set) (i32.const 4)) (i32.const 2)))

    ;; Called when the stream was written (3) or the trailers were (5), or when the client did not want them any more.
    (func (export "event") (param $kind i32) (param $end i32) (param $how i32) (result i32)
      (local $task i32)
      (local.set $task (call $get-task))
      (if (i32.eq (local.get $kind) (i32.const 3))
        (then (call $drop-stream (local.get $end)))
        (else (call $drop-trailers (local.get $end))))
      (call $wait (i32.shr_u (local.get $task) (i32.const 2)) (i32.sub (i32.and (local.get $task) (i32.const 3)) (i32.const 1)))))

  (core func $fields (canon lower (func $http "[constructor]fields")))
  (core func $append (canon lower (func $http "[method]fields.append") (memory $memory) (realloc $realloc)))
  (core func $response (canon lower (func $http "[static]response.new") (memory $memory)))
  (core func $drop-request (canon resource.drop $request))
  (core func $new-stream (canon stream.new $bytes))
  (core func $write-stream (canon stream.write $bytes async (memory $memory)))
  (core func $drop-stream (canon stream.drop-writable $bytes))
  (core func $new-trailers (canon future.new $trailers))
  (core func $write-trailers (canon future.write $trailers async (memory $memory)))
  (core func $drop-trailers (canon future.drop-writable $trailers))
  (core func $drop-sent (canon future.drop-readable $sent))
  (core func $new-set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $drop-set (canon waitable-set.drop))
  (core func $get-task (canon context.get i32 0))
  (core func $set-task (canon context.set i32 0))
  (core func $return (canon task.return (result $answer) (memory $memory)))
  (core instance $service (instantiate $service
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "fields" (func $fields))
      (export "append" (func $append))
      (export "response" (func $response))
      (export "drop-request" (func $drop-request))
      (export "new-stream" (func $new-stream))
      (export "write-stream" (func $write-stream))
      (export "drop-stream" (func $drop-stream))
      (export "new-trailers" (func $new-trailers))
      (export "write-trailers" (func $write-trailers))
      (export "drop-trailers" (func $drop-trailers))
      (export "drop-sent" (func $drop-sent))
      (export "new-set" (func $new-set))
      (export "join" (func $join))
      (export "drop-set" (func $drop-set))
      (export "get-task" (func $get-task))
      (export "set-task" (func $set-task))
      (export "return" (func $return))))))

  (func $handle async (param "request" (own $request)) (result $answer)
    (canon lift (core func $service "handle") async (memory $memory) (callback (core func $service "event"))))
  (instance $handler (export "handle" (func $handle)))
  (export "wasi:http/handler@0.3.0" (instance $handler)))
