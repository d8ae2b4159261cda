// Semihosting: console output, the file :tt and no other, the exit code.
// run: --semihosting
// expect: exit=42
// expect-console: written by WRITE0
// expect-console: written by WRITEC
// expect-console: written by WRITE
.include "common.inc"

// call OPERATION: with the argument block in x1.
.macro call operation
    mov     x0, #\operation
    hlt     #0xf000
.endm
.macro call_block operation, a, b, c
    ldr     x1, =block
    ldr     x2, =\a
    ldr     x3, =\b
    stp     x2, x3, [x1]
    ldr     x2, =\c
    str     x2, [x1, #16]
    call    \operation
.endm

main:
    ldr     x1, =text0
    call    SYS_WRITE0
    ldr     x19, =textc
1:  ldrb    w0, [x19]
    cbz     w0, 2f
    mov     x1, x19
    call    SYS_WRITEC
    add     x19, x19, #1
    b       1b
2:
    // The console opens for writing ("w" is mode 4) and for reading (mode 0).
    call_block SYS_OPEN, tt, 4, 3
    mov     x19, x0
    cmp     x0, #0
    check_true gt
    ldr     x1, =block
    str     x19, [x1]
    ldr     x2, =text1
    mov     x3, #text1_end - text1
    stp     x2, x3, [x1, #8]
    call    SYS_WRITE
    check_eq x0, 0                  // bytes not written
    ldr     x1, =block
    str     x19, [x1]
    call    SYS_CLOSE
    check_eq x0, 0
    call_block SYS_OPEN, tt, 0, 3
    cmp     x0, #0
    check_true gt
    ldr     x1, =block
    str     x0, [x1]
    call    SYS_CLOSE
    check_eq x0, 0
    // A handle that is closed, and one that never was.
    ldr     x1, =block
    str     x19, [x1]
    call    SYS_CLOSE
    check_eq x0, -1
    ldr     x1, =block
    mov     x0, #12345
    str     x0, [x1]
    call    SYS_CLOSE
    check_eq x0, -1
.if QEMU == 0                       // QEMU opens the host's files
    call_block SYS_OPEN, passwd, 0, 11
    check_eq x0, -1
    call_block SYS_OPEN, file, 4, 8
    check_eq x0, -1
    call_block SYS_OPEN, tt, 0, 2   // the length counts: ":t"
    check_eq x0, -1
    call_block SYS_OPEN, tt, 12, 3  // no such mode
    check_eq x0, -1
    // Bad pointers are the guest's mistake: refused, and the guest goes on.
    ldr     x1, =0xfffffffffffff000
    call    SYS_OPEN
    check_eq x0, -1
    call_block SYS_OPEN, tt, 4, 3
    ldr     x1, =block
    str     x0, [x1]
    ldr     x2, =0xffff000000000000
    mov     x3, #5
    stp     x2, x3, [x1, #8]
    call    SYS_WRITE
    check_eq x0, 5
    // Operations that are not there.
    ldr     x1, =block
    call    0x7f
    check_eq x0, -1
.endif
    mov     x0, #42
    b       exit

.section .rodata
text0: .asciz "written by WRITE0\n"
textc: .asciz "written by WRITEC\n"
text1: .ascii "written by WRITE\n"
text1_end:
tt: .asciz ":tt"
passwd: .asciz "/etc/passwd"
file: .asciz "file.txt"
.bss
.balign 16
block: .space 32
.text
