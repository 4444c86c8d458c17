;; wasip1: grows its memory by 16 pages at a time, touching them, up to 512 MiB; exits with the MiB it got.
(module
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (memory (export "memory") 16)
  (func (export "_start")
    (loop $more
      (if (i32.lt_u (memory.size) (i32.const 8192)) (then
        (if (i32.ne (memory.grow (i32.const 16)) (i32.const -1)) (then
          (i32.store (i32.shl (i32.sub (memory.size) (i32.const 1)) (i32.const 16)) (i32.const 1))
          (br $more))))))
    (call $exit (i32.shr_u (memory.size) (i32.const 4)))))
