// Hardware breakpoints and watchpoints: matches, levels, syndromes.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set MDSCR_MDE, 1 << 15
.set MDSCR_KDE, 1 << 13
.set ENABLE, 1
.set AT_EL1, 1 << 1
.set AT_EL0, 2 << 1
.set BREAK_BYTES, 0xf << 5
.set WATCH_LOADS, 1 << 3
.set WATCH_STORES, 2 << 3
.set WATCH_BYTES, 0xff << 5
.set ESR_BREAKPOINT_LOWER, 0xc2000022
.set ESR_BREAKPOINT_SAME, 0xc6000022
.set ESR_WATCHPOINT_LOWER, 0xd2000022
.set ESR_WATCHPOINT_SAME, 0xd6000022

// set REGISTER, VALUE
.macro set register, value:vararg
    ldr     x9, =\value
    msr     \register, x9
    isb
.endm

main:
    bl      mmu_build
    bl      mmu_on
    msr     oslar_el1, xzr
    set     mdscr_el1, MDSCR_MDE + MDSCR_KDE
    // A breakpoint at EL1: before its instruction, and not while PSTATE.D is set.
    set     dbgbvr0_el1, here
    set     dbgbcr0_el1, ENABLE + AT_EL1 + BREAK_BYTES
    mov     x0, #0
    try     1f
    msr     daifclr, #8
    nop
here:
    mov     x0, #1
1:  check_exception VEC_SPX_SYNC, ESR_BREAKPOINT_SAME
    check_elr here
    check_eq x0, 0
    msr     daifset, #8
    adr     x2, 2f
    b       here_with_return
2:  // For EL0 only: not at EL1.
    set     dbgbvr0_el1, el0_code
    set     dbgbcr0_el1, ENABLE + AT_EL1 + BREAK_BYTES
    try     1f
    el0     el0_code
1:  check_exception VEC_EL0_SYNC, ESR_SVC + 1
    set     dbgbcr0_el1, ENABLE + AT_EL0 + BREAK_BYTES
    try     1f
    el0     el0_code
1:  check_exception VEC_EL0_SYNC, ESR_BREAKPOINT_LOWER
    check_elr el0_code
    set     dbgbcr0_el1, 0

    // A watchpoint: loads, stores, the bytes.
    ldr     x20, =watched + 8
    set     dbgwvr0_el1, watched + 8
    set     dbgwcr0_el1, ENABLE + AT_EL1 + WATCH_STORES + WATCH_BYTES
    msr     daifclr, #8
    try     1f
    ldr     x1, [x20]
    str     x1, [x20, #8]
    strb    w1, [x20, #-1]
watching_store:
    str     x1, [x20]
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME + WNR
    check_elr watching_store
    check_far x20
    set     dbgwcr0_el1, ENABLE + AT_EL1 + WATCH_LOADS + (2 << 5)
    msr     daifclr, #8
    try     1f
    str     x1, [x20]
    ldrb    w1, [x20]
    ldrb    w1, [x20, #2]
watching_load:
    ldrb    w1, [x20, #1]
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME
    check_elr watching_load
    add     x20, x20, #1
    check_far x20
    // At EL0.
    set     dbgwcr0_el1, ENABLE + AT_EL0 + WATCH_LOADS + WATCH_BYTES
    msr     daifclr, #8
    ldr     x1, [x20]
    msr     daifset, #8
    pass

// With D set the breakpoint at `here` is passed.
here_with_return:
    mov     x30, x2
    ldr     x9, =here_copy
    msr     dbgbvr0_el1, x9
    isb
here_copy:
    mov     x0, #1
    ret

el0_code:
    svc     #1

.bss
.balign 64
watched: .space 64
.text
