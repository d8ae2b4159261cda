// Synchronous exceptions and interrupts: syndromes, return addresses, saved and entered state, every vector group.
// run: --semihosting
// expect: exit=0
.include "common.inc"

main:
    // As the machine starts us: EL1h, everything masked.
    mrs     x0, currentel
    check_eq x0, 4
    mrs     x0, spsel
    check_eq x0, 1
    mrs     x0, daif
    check_eq x0, 0x3c0

    // SVC: preferred return address is the next instruction; NZCV go to SPSR; the handler runs at EL1h, masked.
    try     1f
    mov     x0, #0xa0000000
    msr     nzcv, x0
    svc     #0x1234
1:  check_exception VEC_SPX_SYNC, ESR_SVC + 0x1234
    check_elr 1b
    check_spsr 0xa00003c5
    ldr     x0, [x18, #R_DAIF]
    check_eq x0, 0x3c0
    ldr     x0, [x18, #R_SPSEL]
    check_eq x0, 1
    ldr     x0, [x18, #R_EL]
    check_eq x0, 4

    // Saved DAIF is what was set, entered DAIF is all masked.
    try     1f
    msr     daifclr, #9             // D and F open, nothing pending
    svc     #0
1:  check_spsr 0x00000185
    ldr     x0, [x18, #R_DAIF]
    check_eq x0, 0x3c0

    // BRK, UDF, HLT without semihosting's number, SMC without EL3: the instruction itself is the return address.
    try     2f
1:  brk     #7
2:  check_exception VEC_SPX_SYNC, ESR_BRK + 7
    check_elr 1b
    try     2f
1:  udf     #0
2:  check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    check_elr 1b
    try     2f
1:  hlt     #1
2:  check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    check_elr 1b
    try     2f
1:  smc     #0
2:  check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    check_elr 1b

    // From EL1t: the first vector group.
    try     1f
    msr     spsel, #0
    svc     #1
1:  check_exception VEC_SP0_SYNC, ESR_SVC + 1
    check_spsr SPSR_EL1T
    mrs     x0, spsel
    check_eq x0, 1

    // From EL0: the third. Its stack is SP_EL0, its DAIF and flags come from SPSR.
    mrs     x20, sp_el0
    try     1f
    ldr     x16, =el0_svc
    msr     elr_el1, x16
    ldr     x16, =0x60000240
    msr     spsr_el1, x16
    eret
1:  check_exception VEC_EL0_SYNC, ESR_SVC + 0xffff
    check_elr el0_svc_next
    check_spsr 0x60000240
    sub     x20, x20, #16
    check_same x21, x20
    mrs     x0, sp_el0
    check_same x0, x20
    try     1f
    el0     el0_udf
1:  check_exception VEC_EL0_SYNC, ESR_UNKNOWN
    check_elr el0_udf
    try     1f
    el0     el0_brk
1:  check_exception VEC_EL0_SYNC, ESR_BRK + 0x5a5a
    check_elr el0_brk
    try     1f
    el0     el0_hvc                 // UNDEFINED at EL0
1:  check_exception VEC_EL0_SYNC, ESR_UNKNOWN
    check_elr el0_hvc
    try     1f
    el0     el0_smc
1:  check_exception VEC_EL0_SYNC, ESR_UNKNOWN
    try     1f
    el0     el0_eret
1:  check_exception VEC_EL0_SYNC, ESR_UNKNOWN
    try     1f
    el0     el0_sysreg
1:  check_exception VEC_EL0_SYNC, ESR_UNKNOWN
    check_elr el0_sysreg

    // ERET to an exception level that is not there: PSTATE.IL, and the next instruction reports it.
    try     1f
    adr     x0, 2f
    msr     elr_el1, x0
    ldr     x0, =0xf00003c9         // EL2h
    msr     spsr_el1, x0
    eret
2:  nop
1:  check_exception VEC_SPX_SYNC, ESR_ILLEGAL
    check_elr 2b
    check_spsr 0xf01003c5           // flags from SPSR, IL, exception level unchanged
    try     1f
    adr     x0, 2b
    msr     elr_el1, x0
    ldr     x0, =0x3c1              // EL0h does not exist
    msr     spsr_el1, x0
    eret
1:  check_exception VEC_SPX_SYNC, ESR_ILLEGAL
    // To EL0 with PSTATE.IL. What the fetch reports comes first: a PC that is not aligned.
    try     1f
    adr     x0, 2b
    msr     elr_el1, x0
    ldr     x0, =(1 << 20) + SPSR_EL0T
    msr     spsr_el1, x0
    eret
1:  check_exception VEC_EL0_SYNC, ESR_ILLEGAL
    check_elr 2b
    check_spsr (1 << 20) + SPSR_EL0T
    try     1f
    adr     x0, 2b + 1
    msr     elr_el1, x0
    ldr     x0, =0x3c9
    msr     spsr_el1, x0
    eret
1:  check_exception VEC_SPX_SYNC, ESR_PC_ALIGN
    check_elr 2b + 1
    check_spsr (1 << 20) + SPSR_EL1H

    // Floating point: CPACR_EL1.FPEN 0 traps EL1 and EL0, 1 traps EL0 alone.
    msr     cpacr_el1, xzr
    isb
    try     2f
1:  fmov    d0, #1.0
2:  check_exception VEC_SPX_SYNC, ESR_FP
    check_elr 1b
    try     2f
1:  ldr     q0, [sp, #-16]
2:  check_exception VEC_SPX_SYNC, ESR_FP
    check_elr 1b
    try     1f
    el0     el0_fp
1:  check_exception VEC_EL0_SYNC, ESR_FP
    mov     x0, #1 << 20
    msr     cpacr_el1, x0
    isb
    fmov    d0, #1.0
    fmov    x0, d0
    check_eq x0, 0x3ff0000000000000
    try     1f
    el0     el0_fp
1:  check_exception VEC_EL0_SYNC, ESR_FP
    mov     x0, #3 << 20
    msr     cpacr_el1, x0
    isb
    try     1f
    el0     el0_fp
1:  check_exception VEC_EL0_SYNC, ESR_SVC

.if QEMU == 0                      // QEMU keeps bits 10:5
    // VBAR_EL1: the low 11 bits are not there.
    ldr     x0, =vectors + 0x7ff
    msr     vbar_el1, x0
    isb
    mrs     x0, vbar_el1
    check_field x0, ~0x7ff, vectors
.endif
    try     1f
    svc     #2
1:  check_exception VEC_SPX_SYNC, ESR_SVC + 2

    // Interrupts: masked they wait, unmasked they come, in each vector group; ESR keeps its value.
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    mov     w0, #1 << 3
    add     x1, x23, #GICR_SGI
    str     w0, [x1, #GICD_ISENABLER]
    ldr     x0, =irq_ack_eoi
    str     x0, [x18, #R_IRQ]
    mov     x0, #-1
    str     x0, [x18, #R_VEC]
    sgi_self 3
1:  mrs     x0, isr_el1
    tbz     x0, #7, 1b
    ldr     x0, [x18, #R_VEC]
    check_eq x0, -1
    msr     nzcv, xzr
2:  msr     daifclr, #2
    nop
    nop
    msr     daifset, #2
    check_exception VEC_SPX_IRQ, ESR_SVC + 2
    ldr     x0, [x18, #R_INTID]
    check_eq x0, 3
    check_elr 2b + 4
    check_spsr 0x345
    mrs     x0, isr_el1
    check_eq x0, 0
    msr     spsel, #0
    sgi_self 3
    msr     nzcv, xzr
    msr     daifclr, #2
    nop
    nop
    msr     daifset, #2
    msr     spsel, #1
    ldr     x0, [x18, #R_VEC]
    check_eq x0, VEC_SP0_IRQ
    check_spsr 0x344
    sgi_self 3
    adr     x16, 1f
    str     x16, [x18, #R_RESUME]
    el0     el0_irq, 0x340          // I open: the interrupt is taken before or at the first instruction
1:  check_eq x19, VEC_EL0_IRQ
    check_exception VEC_EL0_SYNC, ESR_SVC + 9
    pass

el0_svc:
    sub     sp, sp, #16
    mov     x21, sp
    svc     #0xffff
el0_svc_next:
el0_udf:
    udf     #0
el0_brk:
    brk     #0x5a5a
el0_hvc:
    hvc     #0
el0_smc:
    smc     #0
el0_eret:
    eret
el0_sysreg:
    mrs     x0, sctlr_el1
el0_fp:
    fmov    d0, #1.0
    svc     #0
el0_irq:
    nop
    ldr     x19, [x18, #R_VEC]      // the MMU is off: nothing keeps EL0 from our record
    svc     #9
