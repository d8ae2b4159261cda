// Hardware breakpoints and watchpoints: matches, levels, syndromes. Software steps.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set MDSCR_MDE, 1 << 15
.set MDSCR_KDE, 1 << 13
.set MDSCR_SS, 1
.set SPSR_SS, 1 << 21
.set ESR_STEP_SAME, 0xce000022
.set STEP_ISV, 1 << 24
.set STEP_EX, 1 << 6
.set CM, 1 << 8
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

// steps SS, ESR, INSTRUCTION: what a step of the instruction reports.
.macro steps ss, esr, instruction:vararg
    try     .Lresume\@
    adr     x0, .Lstepped\@
    msr     elr_el1, x0
    ldr     x0, =0x1c5 + \ss         // EL1h; A, I and F masked, D not
    msr     spsr_el1, x0
    eret
.Lstepped\@:
    \instruction
.Lresume\@:
    check_exception VEC_SPX_SYNC, \esr
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
    // An atomic access is a read first.
    sub     x20, x20, #1
    set     dbgwcr0_el1, ENABLE + AT_EL1 + WATCH_LOADS + WATCH_STORES + WATCH_BYTES
    msr     daifclr, #8
    try     1f
    ldadd   x0, x1, [x20]
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME
    check_far x20
    set     dbgwcr0_el1, ENABLE + AT_EL1 + WATCH_STORES + WATCH_BYTES
    msr     daifclr, #8
    try     1f
    ldadd   x0, x1, [x20]
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME + WNR
    check_far x20
    // DC ZVA writes its block; the address is of what is watched, not the operand.
    add     x19, x20, #40
    msr     daifclr, #8
    try     1f
    dc      zva, x19
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME + WNR
    check_far x20
    // Cache maintenance is no access, except for DC IVAC.
    msr     daifclr, #8
    dc      civac, x19
    dc      cvac, x19
.if QEMU == 0                       // QEMU 7.2 has nothing to do for it
    try     1f
    dc      ivac, x19
1:  check_exception VEC_SPX_SYNC, ESR_WATCHPOINT_SAME + WNR + CM
    check_far x19
.endif
    msr     daifset, #8
    set     dbgwcr0_el1, 0

    // Steps: nothing else, a Load-Exclusive, what looks like one, and with SS clear none at all.
    set     mdscr_el1, MDSCR_SS + MDSCR_KDE
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV, nop
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV + STEP_EX, ldxr x1, [x20]
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV + STEP_EX, ldaxp w1, w2, [x20]
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV + STEP_EX, ldaxrb w1, [x20]
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV, ldar x1, [x20]
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV, casp w2, w3, w4, w5, [x20]
    steps   SPSR_SS, ESR_STEP_SAME + STEP_ISV, cas x2, x4, [x20]
    steps   0, ESR_STEP_SAME, nop
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
