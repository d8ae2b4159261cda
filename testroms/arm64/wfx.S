// WFE, SEV, SEVL, and the traps of WFI and WFE at EL0.
// run: --semihosting
// expect: exit=0
.include "common.inc"

.set SCTLR_NTWI, 1 << 16
.set SCTLR_NTWE, 1 << 18

main:
    // The event register: SEVL and SEV set it, WFE consumes it. None of these may hang.
    sevl
    wfe
    sev
    wfe
    // Taking an exception and returning from it is an event too.
    try     1f
    svc     #0
1:  adr     x0, 1f
    msr     elr_el1, x0
    mov     x0, #SPSR_EL1H
    msr     spsr_el1, x0
    eret
1:  wfe

    // EL0 with nTWI and nTWE clear: trapped, unless WFE has an event to consume.
    mrs     x19, sctlr_el1
    bic     x0, x19, #SCTLR_NTWI
    bic     x0, x0, #SCTLR_NTWE
    msr     sctlr_el1, x0
    isb
    try     1f
    el0     el0_wfi
1:  check_exception VEC_EL0_SYNC, ESR_WFX
    check_elr el0_wfi
.if QEMU == 0                       // QEMU: WFE is a yield, never trapped
    try     1f
    el0     el0_wfe_twice
1:  check_exception VEC_EL0_SYNC, ESR_WFX + 1
    check_elr el0_second_wfe
.endif
    // Allowed: an event, or a pending interrupt that is masked, ends them.
    orr     x0, x19, #SCTLR_NTWI
    orr     x0, x0, #SCTLR_NTWE
    msr     sctlr_el1, x0
    isb
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    mov     w0, #1
    add     x1, x23, #GICR_SGI
    str     w0, [x1, #GICD_ISENABLER]
    sgi_self 0
    wfi
    try     1f
    el0     el0_both
1:  check_exception VEC_EL0_SYNC, ESR_SVC + 3
    mrs     x0, S3_0_C12_C12_0
    check_eq x0, 0
    pass

el0_wfi:
    wfi
el0_wfe_twice:
    sevl
    wfe
el0_second_wfe:
    wfe
el0_both:
    wfi
    sevl
    wfe
    svc     #3
