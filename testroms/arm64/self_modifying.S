// Code that changes: in its own page, ahead of itself, in another page, through an alias, by wide and atomic stores,
// by DC ZVA, and under another CPU that is running it.
// run: --semihosting --cpus boot=2
// expect: exit=0
// qemu-accel: tcg,thread=single (with a thread for each CPU, QEMU 7.2 keeps running some of the code that was replaced)
.include "common.inc"
.include "mmu.inc"

.set MOV_W0, 0x52800000             // MOVZ W0, #imm16: the number is at bit 5
.set RET, 0xd65f03c0
.set B_SELF, 0x14000000
.set NOP, 0xd503201f

// publish REGISTER: makes a changed instruction at that address seen here and by the other CPU. Lines of 64 bytes.
.macro publish register
    dc      cvau, \register
    dsb     ish
    ic      ivau, \register
    dsb     ish
    isb
.endm
// returns FUNCTION, VALUE
.macro returns function, value
    ldr     x16, =\function
    blr     x16
    check_eq x0, \value
.endm

main:
    bl      mmu_build
    // RAM again, 512 GiB up.
    ldr     x9, =table_l0
    ldr     x10, =alias_l1 + DESC_TABLE
    str     x10, [x9, #8]
    ldr     x9, =alias_l1
    ldr     x10, =table_l2 + DESC_TABLE
    str     x10, [x9, #8]
    bl      mmu_on

    // In the page that runs, again and again.
    mov     x19, #0
1:  ldr     w1, =MOV_W0
    orr     w1, w1, w19, lsl #5
    ldr     x20, =near_function
    str     w1, [x20]
    publish x20
    bl      near_function
    cmp     x0, x19
    b.ne    2f
    add     x19, x19, #1
    cmp     x19, #500
    b.ne    1b
2:  check_eq x19, 500

    // Ahead of itself, without a branch in between.
    ldr     w1, =MOV_W0 + (77 << 5)
    adr     x20, 1f
    mov     x0, #0
    str     w1, [x20]
    publish x20
    nop
1:  mov     w0, #1
    nop
    check_eq x0, 77

    // In another page, reached directly and through a branch from a third.
    returns far_function, 10
    returns chain, 10
    ldr     x20, =far_function
    ldr     w1, =MOV_W0 + (11 << 5)
    str     w1, [x20]
    publish x20
    returns far_function, 11
    returns chain, 11
    // The branch itself: to go elsewhere.
    ldr     x20, =chain
    ldr     w1, =B_SELF + 64 / 4    // other_function is the next line of 64 bytes
    str     w1, [x20]
    publish x20
    returns chain, 20

    // Written at one address, run at another of the same memory.
    ldr     x20, =far_function + 0x8000000000
    ldr     w1, =MOV_W0 + (12 << 5)
    str     w1, [x20]
    publish x20
    returns far_function, 12
    ldr     x20, =far_function
    ldr     w1, =MOV_W0 + (13 << 5)
    str     w1, [x20]
    publish x20
    ldr     x16, =far_function + 0x8000000000
    blr     x16
    check_eq x0, 13

    // Every kind of store.
    ldr     x20, =far_function
    ldr     w1, =MOV_W0 + (14 << 5)
    ldr     w2, =RET
    stp     w1, w2, [x20]
    publish x20
    returns far_function, 14
    orr     x1, x1, x2, lsl #32
    ldr     w1, =MOV_W0 + (15 << 5)
    orr     x1, x1, x2, lsl #32
    fmov    d0, x1
    str     q0, [x20]
    publish x20
    returns far_function, 15
    ldr     w1, =MOV_W0 + (16 << 5)
    swp     w1, w2, [x20]
    publish x20
    returns far_function, 16
1:  ldxr    w2, [x20]
    ldr     w1, =MOV_W0 + (17 << 5)
    stxr    w3, w1, [x20]
    cbnz    w3, 1b
    publish x20
    returns far_function, 17
    mov     w1, #32                 // a bit of the number: 17 + 1
    ldr     w0, [x20]
    add     w0, w0, w1
    strb    w0, [x20]
    lsr     w0, w0, #8
    strb    w0, [x20, #1]
    publish x20
    returns far_function, 18
    mov     w1, #32
    stadd   w1, [x20]
    publish x20
    returns far_function, 19
    ldr     w1, =MOV_W0 + (20 << 5)
    ldr     w0, [x20]
    casal   w0, w1, [x20]
    ic      ialluis
    dsb     ish
    isb
    returns far_function, 20
    // A store that starts in the page before and ends in the code.
    ldr     x20, =far_page - 4
    ldr     x1, =(MOV_W0 + (21 << 5)) << 32
    str     x1, [x20]
    add     x20, x20, #4
    publish x20
    returns far_page, 21
    // Zeroes are UDF #0.
    dc      zva, x20
    publish x20
    try     1f
    br      x20
1:  check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    ldr     x0, [x18, #R_ELR]
    check_same x0, x20

    // Another CPU in a loop of one block, of two blocks in a page, of two in two pages: each ends when its branch
    // becomes a NOP (one of the few instructions that may change while they run, Arm ARM B2.2.5).
.macro ends label, phase
    ldr     x21, =progress
1:  ldar    x0, [x21]
    cmp     x0, #\phase
    b.lo    1b
    bl      pause
    ldr     x20, =\label
    ldr     w1, =NOP
    str     w1, [x20]
    publish x20
.endm
    cpu_on  1, second
    check_eq x0, 0
    ends    one_branch, 1
    ends    two_branch, 2
    ends    far_branch, 3
1:  ldar    x0, [x21]
    cmp     x0, #4
    b.lo    1b
    ldr     x0, [x21, #8]
    check_eq x0, 4
    pass

// Lets the other CPU run its loop for a while.
pause:
    mov     x0, #20000
1:  subs    x0, x0, #1
    b.ne    1b
    ret

second:
    bl      cpu_setup
    bl      mmu_on
    ldr     x21, =progress
    mov     x0, #1
    stlr    x0, [x21]
    bl      one
    mov     x0, #2
    stlr    x0, [x21]
    bl      two
    mov     x0, #3
    stlr    x0, [x21]
    bl      far
    mov     x0, #4
    str     x0, [x21, #8]
    stlr    x0, [x21]
1:  wfi
    b       1b

    .balign 64
near_function:
    mov     w0, #0
    ret

    .balign 4096
one:
    add     x5, x5, #1
one_branch:
    b       one
    ret
    .balign 64
two:
    add     x5, x5, #1
    b       two_second
    .balign 64
two_second:
    add     x5, x5, #1
two_branch:
    b       two
    ret
    .balign 64
far:
    add     x5, x5, #1
    b       far_second
    .balign 4096
far_second:
    add     x5, x5, #1
far_branch:
    b       far
    ret
    .balign 4096
chain:
    b       far_page
    .balign 64
other_function:
    mov     w0, #20
    ret
    .balign 4096
    .space  4092
    nop
far_page:
far_function:
    mov     w0, #10
    ret
    nop
    nop
    .balign 4096

.bss
.balign 4096
alias_l1: .space 4096
progress: .space 16
.text
