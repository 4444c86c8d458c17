;; A TCP echo server on port 3000, with as many connections at once as there is room for.
;;
;; The core module of a component for the world `command` in examples/wit; see hello.wat for how to read the imports. One
;; loop polls the listener and every connection. Bytes are spliced from a connection's input to its output inside the
;; host and never come into this memory.
(module
  (import "wasi:sockets/instance-network@0.2.0" "instance-network" (func $network (result i32)))
  (import "wasi:sockets/tcp-create-socket@0.2.0" "create-tcp-socket" (func $create (param $family i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-bind"
    (func $start-bind (param $socket i32) (param $network i32)
      ;; IPv4 or IPv6, then the larger of the two: for IPv4 the port and four bytes of address.
      (param $is-v6 i32) (param $port i32) (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-bind" (func $finish-bind (param $socket i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.set-listen-backlog-size"
    (func $set-backlog (param $socket i32) (param $size i64) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.start-listen" (func $start-listen (param $socket i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.finish-listen" (func $finish-listen (param $socket i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.accept" (func $accept (param $socket i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.subscribe" (func $subscribe (param $socket i32) (result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[method]tcp-socket.shutdown"
    (func $shutdown (param $socket i32) (param $how i32) (param $result i32)))
  (import "wasi:sockets/tcp@0.2.0" "[resource-drop]tcp-socket" (func $drop-socket (param i32)))
  (import "wasi:io/streams@0.2.0" "[method]input-stream.subscribe" (func $input-ready (param $input i32) (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.subscribe" (func $output-ready (param $output i32) (result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.check-write" (func $check-write (param $output i32) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.splice"
    (func $splice (param $output i32) (param $input i32) (param $most i64) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[method]output-stream.flush" (func $flush (param $output i32) (param $result i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]input-stream" (func $drop-input (param i32)))
  (import "wasi:io/streams@0.2.0" "[resource-drop]output-stream" (func $drop-output (param i32)))
  (import "wasi:io/poll@0.2.0" "[resource-drop]pollable" (func $drop-pollable (param i32)))
  (import "wasi:io/poll@0.2.0" "poll" (func $poll (param $pollables i32) (param $pollables-length i32) (param $result i32)))

  ;; 0x00000 results; 0x10000 what to poll, 4 bytes each; 0x20000 what is ready, 4 bytes each;
  ;; 0x30000 connections, 32 bytes each: socket, input, output, input's pollable, output's pollable, state.
  (memory (export "memory") 9)
  (global $pollables i32 (i32.const 0x10000))
  (global $ready i32 (i32.const 0x20000))
  (global $table i32 (i32.const 0x30000))
  (global $most i32 (i32.const 8192))
  (global $count (mut i32) (i32.const 0))

  ;; What a connection waits for.
  (global $INPUT i32 (i32.const 0))
  (global $OUTPUT i32 (i32.const 1))
  ;; The client has ended; what is left goes out, then the end.
  (global $ENDING i32 (i32.const 2))
  ;; Nothing: it is over, and its place can be taken.
  (global $OVER i32 (i32.const 3))

  (func $connection (param $index i32) (result i32)
    (i32.add (global.get $table) (i32.shl (local.get $index) (i32.const 5))))

  (func $must-succeed (if (i32.load8_u (i32.const 0)) (then (unreachable))))

  (func (export "wasi:cli/run@0.2.0#run") (result i32)
    (local $listener i32) (local $incoming i32) (local $n i32) (local $index i32)
    (call $create (i32.const 0) (i32.const 0))
    (call $must-succeed)
    (local.set $listener (i32.load (i32.const 4)))
    (call $start-bind (local.get $listener) (call $network) (i32.const 0) (i32.const 3000)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
      (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))
    (call $must-succeed)
    (call $finish-bind (local.get $listener) (i32.const 0))
    (call $must-succeed)
    (call $set-backlog (local.get $listener) (i64.const 4096) (i32.const 0))
    (call $start-listen (local.get $listener) (i32.const 0))
    (call $must-succeed)
    (call $finish-listen (local.get $listener) (i32.const 0))
    (call $must-succeed)
    (local.set $incoming (call $subscribe (local.get $listener)))
    (loop $forever
      (call $gather (local.get $incoming))
      (call $poll (global.get $pollables) (i32.add (global.get $count) (i32.const 1)) (i32.const 0))
      (local.set $n (i32.load (i32.const 4)))
      (loop $next
        (if (local.get $n) (then
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (local.set $index (i32.load (i32.add (global.get $ready) (i32.shl (local.get $n) (i32.const 2)))))
          (if (local.get $index)
            (then (call $serve (i32.sub (local.get $index) (i32.const 1))))
            (else (call $accept-all (local.get $listener))))
          (br $next))))
      (call $sweep)
      (br $forever))
    (unreachable))

  ;; Lists the pollables: the listener's first, then one of each connection.
  (func $gather (param $incoming i32)
    (local $index i32) (local $connection i32) (local $to i32)
    (i32.store (global.get $pollables) (local.get $incoming))
    (local.set $to (global.get $pollables))
    (loop $next
      (if (i32.lt_u (local.get $index) (global.get $count)) (then
        (local.set $connection (call $connection (local.get $index)))
        (local.set $to (i32.add (local.get $to) (i32.const 4)))
        (i32.store (local.get $to)
          (if (result i32) (i32.load offset=20 (local.get $connection))
            (then (i32.load offset=16 (local.get $connection)))
            (else (i32.load offset=12 (local.get $connection)))))
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (br $next)))))

  (func $accept-all (param $listener i32)
    (local $connection i32)
    (loop $next
      ;; With a full table the rest waits in the queue.
      (if (i32.ge_u (global.get $count) (global.get $most)) (then (return)))
      (call $accept (local.get $listener) (i32.const 0))
      (if (i32.load8_u (i32.const 0)) (then (return)))
      (local.set $connection (call $connection (global.get $count)))
      (i32.store (local.get $connection) (i32.load (i32.const 4)))
      (i32.store offset=4 (local.get $connection) (i32.load (i32.const 8)))
      (i32.store offset=8 (local.get $connection) (i32.load (i32.const 12)))
      (i32.store offset=12 (local.get $connection) (call $input-ready (i32.load offset=4 (local.get $connection))))
      (i32.store offset=16 (local.get $connection) (call $output-ready (i32.load offset=8 (local.get $connection))))
      (i32.store offset=20 (local.get $connection) (global.get $INPUT))
      (global.set $count (i32.add (global.get $count) (i32.const 1)))
      (br $next)))

  ;; Moves what can be moved without waiting, and notes what to wait for.
  (func $serve (param $index i32)
    (local $connection i32) (local $input i32) (local $output i32)
    (local.set $connection (call $connection (local.get $index)))
    (local.set $input (i32.load offset=4 (local.get $connection)))
    (local.set $output (i32.load offset=8 (local.get $connection)))
    (call $check-write (local.get $output) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then (return (call $end (local.get $index)))))
    (if (i64.eqz (i64.load (i32.const 8))) (then
      (if (i32.eqz (i32.load offset=20 (local.get $connection))) (then
        (i32.store offset=20 (local.get $connection) (global.get $OUTPUT))))
      (return)))
    ;; There is room, so what was written before is on its way.
    (if (i32.eq (i32.load offset=20 (local.get $connection)) (global.get $ENDING)) (then
      (call $shutdown (i32.load (local.get $connection)) (i32.const 1) (i32.const 0))
      (return (call $end (local.get $index)))))
    (call $splice (local.get $output) (local.get $input) (i64.const 65536) (i32.const 0))
    (if (i32.load8_u (i32.const 0)) (then
      (call $flush (local.get $output) (i32.const 0))
      (i32.store offset=20 (local.get $connection) (global.get $ENDING))
      (return)))
    (i32.store offset=20 (local.get $connection) (global.get $INPUT)))

  (func $end (param $index i32)
    (local $connection i32)
    (local.set $connection (call $connection (local.get $index)))
    ;; Children before their parents.
    (call $drop-pollable (i32.load offset=12 (local.get $connection)))
    (call $drop-pollable (i32.load offset=16 (local.get $connection)))
    (call $drop-input (i32.load offset=4 (local.get $connection)))
    (call $drop-output (i32.load offset=8 (local.get $connection)))
    (call $drop-socket (i32.load (local.get $connection)))
    (i32.store offset=20 (local.get $connection) (global.get $OVER)))

  ;; Puts the last connection into each place that has become free.
  (func $sweep
    (local $index i32)
    (local.set $index (global.get $count))
    (loop $next
      (if (local.get $index) (then
        (local.set $index (i32.sub (local.get $index) (i32.const 1)))
        (if (i32.eq (i32.load offset=20 (call $connection (local.get $index))) (global.get $OVER)) (then
          (global.set $count (i32.sub (global.get $count) (i32.const 1)))
          (memory.copy (call $connection (local.get $index)) (call $connection (global.get $count)) (i32.const 32))))
        (br $next)))))

  ;; The one list that the host gives us is that of what is ready.
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (global.get $ready)))
