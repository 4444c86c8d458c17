;; wasi:cli 0.3 component: prints "run 0.3". Proves that a program of WASI 0.3 is run, with its asynchronous calls.
(component
  (import "wasi:cli/types@0.3.0" (instance $types
    (type $errors (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type (eq $errors)))))
  (alias export $types "error-code" (type $error-code))
  (import "wasi:cli/stdout@0.3.0" (instance $stdout
    (export "write-via-stream" (func (param "data" (stream u8)) (result (future (result (error $error-code))))))))
  (type $bytes (stream u8))
  (type $written (future (result (error $error-code))))

  (core module $memory (memory (export "memory") 1))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $memory))

  (core module $program
    (import "memory" "memory" (memory 1))
    ;; A new stream is two handles in one number: the end to read from is the lower half.
    (import "host" "new-stream" (func $new-stream (result i64)))
    (import "host" "print" (func $print (param $stream i32) (result i32)))
    (import "host" "write" (func $write (param $end i32) (param $bytes i32) (param $length i32) (result i32)))
    (import "host" "drop-stream" (func $drop-stream (param $end i32)))
    (import "host" "read-written" (func $read-written (param $end i32) (param $value i32) (result i32)))
    (import "host" "drop-written" (func $drop-written (param $end i32)))
    (import "host" "new-set" (func $new-set (result i32)))
    (import "host" "join" (func $join (param $end i32) (param $set i32)))
    (import "host" "drop-set" (func $drop-set (param $set i32)))
    (import "host" "return" (func $return (param $is-error i32)))
    (data (i32.const 0) "run 0.3\n")
    (global $set (mut i32) (i32.const 0))
    ;; Where the host tells how the writing went.
    (global $written (mut i32) (i32.const 0))

    (func (export "run") (result i32)
      (local $stream i64) (local $writer i32)
      (global.set $set (call $new-set))
      (local.set $stream (call $new-stream))
      (local.set $writer (i32.wrap_i64 (i64.shr_u (local.get $stream) (i64.const 32))))
      (global.set $written (call $print (i32.wrap_i64 (local.get $stream))))
      ;; -1 says that the host has not taken it yet; an event will follow.
      (if (i32.eq (call $write (local.get $writer) (i32.const 0) (i32.const 8)) (i32.const -1)) (then
        (return (call $wait (local.get $writer)))))
      (call $end (local.get $writer)))

    ;; Tells the host to call back when something has happened to this.
    (func $wait (param $end i32) (result i32)
      (call $join (local.get $end) (global.get $set))
      (i32.or (i32.shl (global.get $set) (i32.const 4)) (i32.const 2)))

    ;; Ends the text and asks how the writing went.
    (func $end (param $writer i32) (result i32)
      (call $drop-stream (local.get $writer))
      (if (i32.eq (call $read-written (global.get $written) (i32.const 16)) (i32.const -1)) (then
        (return (call $wait (global.get $written)))))
      (call $finish))

    (func $finish (result i32)
      (call $drop-written (global.get $written))
      (call $drop-set (global.get $set))
      (call $return (i32.load8_u (i32.const 16)))
      ;; The task is over.
      (i32.const 0))

    ;; Called when the stream was written (3) or the answer was read (4).
    (func (export "event") (param $kind i32) (param $end i32) (param $how i32) (result i32)
      (if (i32.eq (local.get $kind) (i32.const 3)) (then (return (call $end (local.get $end)))))
      (call $finish)))

  (core func $new-stream (canon stream.new $bytes))
  (core func $print (canon lower (func $stdout "write-via-stream")))
  (core func $write (canon stream.write $bytes async (memory $memory)))
  (core func $drop-stream (canon stream.drop-writable $bytes))
  (core func $read-written (canon future.read $written async (memory $memory)))
  (core func $drop-written (canon future.drop-readable $written))
  (core func $new-set (canon waitable-set.new))
  (core func $join (canon waitable.join))
  (core func $drop-set (canon waitable-set.drop))
  (core func $return (canon task.return (result (result))))
  (core instance $program (instantiate $program
    (with "memory" (instance $memory))
    (with "host" (instance
      (export "new-stream" (func $new-stream))
      (export "print" (func $print))
      (export "write" (func $write))
      (export "drop-stream" (func $drop-stream))
      (export "read-written" (func $read-written))
      (export "drop-written" (func $drop-written))
      (export "new-set" (func $new-set))
      (export "join" (func $join))
      (export "drop-set" (func $drop-set))
      (export "return" (func $return))))))

  (func $run async (result (result))
    (canon lift (core func $program "run") async (callback (core func $program "event"))))
  (instance $run (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $run)))
