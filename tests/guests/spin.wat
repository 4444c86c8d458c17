;; wasip1: never returns and never waits.
(module
  (memory (export "memory") 1)
  (func (export "_start") (loop $forever (br $forever))))
