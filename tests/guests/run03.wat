;; A component that exports wasi:cli/run 0.3 and returns at once.
(component
  (core module $m
    (import "" "task.return" (func $return (param i32)))
    (func (export "run") (result i32) (call $return (i32.const 0)) (i32.const 0))
    (func (export "callback") (param i32 i32 i32) (result i32) (unreachable)))
  (type $result (result))
  (core func $return (canon task.return (result $result)))
  (core instance $i (instantiate $m (with "" (instance (export "task.return" (func $return))))))
  (func $run async (result $result) (canon lift (core func $i "run") async (callback (core func $i "callback"))))
  (instance $exported (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exported)))
