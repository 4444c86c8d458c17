;; wasip1: writes 4 KiB of one byte for ever, as fast as it is read.
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (func (export "_start")
    (memory.fill (i32.const 0x1000) (i32.const 0x78) (i32.const 0x1000)) ;; byte
    (i32.store (i32.const 0) (i32.const 0x1000))
    (i32.store (i32.const 4) (i32.const 0x1000))
    (loop $for-ever
      (drop (call $write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8))) ;; stream
      (br $for-ever))))
