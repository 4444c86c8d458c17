;; wasi:cli 0.3 component: ends well where it is told of no initial working directory, and with 1 where it is.
(component
  (import "wasi:cli/environment@0.3.0" (instance $environment
    (export "get-initial-cwd" (func (result (option string))))))
  (core module $memory
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024)))
  (core instance $memory (instantiate $memory))
  (alias core export $memory "memory" (core memory $m))
  (alias core export $memory "realloc" (core func $realloc))
  (core func $cwd (canon lower (func $environment "get-initial-cwd")
    (memory $m) (realloc $realloc)))
  (core module $program
    (import "" "task.return" (func $return (param i32)))
    (import "" "cwd" (func $cwd (param i32)))
    (import "" "memory" (memory 1))
    ;; The first byte says whether there is one, and is what `run` returns: ok or error.
    (func (export "run") (result i32)
      (call $cwd (i32.const 0))
      (call $return (i32.load8_u (i32.const 0)))
      (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
  (type $result (result))
  (core func $return (canon task.return (result $result)))
  (core instance $i (instantiate $program (with "" (instance
    (export "task.return" (func $return)) (export "cwd" (func $cwd)) (export "memory" (memory $m))))))
  (func $run async (result $result) (canon lift (core func $i "run") async (callback (core func $i "callback"))))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exported)))
