// PMUv3: the cycle counter, event counters, filters, overflow as PPI 23, the rules for EL0.
// run: --semihosting
// expect: exit=0
.include "common.inc"

.set PPI_PMU, 23
.set PMCR_E, 1
.set PMCR_P, 2
.set PMCR_C, 4
.set CYCLES, 1 << 31
.set EVENT_SW_INCR, 0x00
.set EVENT_INST_RETIRED, 0x08
.set EVENT_CPU_CYCLES, 0x11
.set EVENT_CHAIN, 0x1e
.set FILTER_EL1, 1 << 31
.set FILTER_EL0, 1 << 30
.set UMA_EN, 1
.set ESR_SYSREG_READ, ESR_SYSREG + 1

main:
    mrs     x0, id_aa64dfr0_el1
    ubfx    x0, x0, #8, #4
    cbz     x0, failed
    // Six event counters, the events of Arm's list that are counted, nothing on after reset.
    mov     x0, #PMCR_P | PMCR_C
    msr     pmcr_el0, x0
    mov     x0, #-1
    msr     pmcntenclr_el0, x0
    msr     pmovsclr_el0, x0
    msr     pmintenclr_el1, x0
    isb
    mrs     x0, pmcr_el0
    ubfx    x0, x0, #11, #5
.if QEMU == 0
    check_eq x0, 6
    mrs     x0, pmceid0_el0
    check_eq x0, 0x58020701
    mrs     x0, pmceid1_el0
    check_eq x0, 0x18
.endif
    mrs     x0, pmcntenset_el0
    check_eq x0, 0
    // The cycle counter runs when it is enabled, and only then.
    mrs     x1, pmccntr_el0
    mrs     x2, pmccntr_el0
    check_same x2, x1
    ldr     x0, =CYCLES
    msr     pmcntenset_el0, x0
    mov     x0, #PMCR_E
    msr     pmcr_el0, x0
    isb
    mrs     x1, pmccntr_el0
    nop
    mrs     x2, pmccntr_el0
    cmp     x2, x1
    check_true hi
.if QEMU == 0
    sub     x0, x2, x1
    check_eq x0, 2                  // an instruction is a cycle
    // Instructions; and none of them at EL1 when EL1 is filtered.
    mov     x0, #EVENT_INST_RETIRED
    msr     pmevtyper0_el0, x0
    ldr     x0, =FILTER_EL1 + EVENT_INST_RETIRED
    msr     pmevtyper1_el0, x0
    msr     pmevcntr0_el0, xzr
    msr     pmevcntr1_el0, xzr
    mov     x0, #3
    msr     pmcntenset_el0, x0
    isb
    mrs     x1, pmevcntr0_el0
    nop
    nop
    nop
    mrs     x2, pmevcntr0_el0
    sub     x0, x2, x1
    check_eq x0, 4
    mrs     x0, pmevcntr1_el0
    check_eq x0, 0
    try     1f
    el0     three_nops
1:  check_exception VEC_EL0_SYNC, ESR_SVC + 3
    mrs     x0, pmevcntr1_el0
    check_eq x0, 4                  // and the SVC
.endif
    // Software increments, by way of the selected counter; those of others do not count.
    mov     x0, #2
    msr     pmselr_el0, x0
    isb
    mov     x0, #EVENT_SW_INCR
    msr     pmxevtyper_el0, x0
    msr     pmxevcntr_el0, xzr
    mov     x0, #4
    msr     pmcntenset_el0, x0
    isb
    mov     x0, #12
    msr     pmswinc_el0, x0
    msr     pmswinc_el0, x0
    isb
    mrs     x0, pmxevcntr_el0
    check_eq x0, 2
    mrs     x0, pmevcntr2_el0
    check_eq x0, 2
    // Overflow carries into the odd counter above when that counts CHAIN, and leaves its flag.
    mov     x0, #EVENT_CHAIN
    msr     pmevtyper3_el0, x0
    msr     pmevcntr3_el0, xzr
    ldr     x0, =0xffffffff
    msr     pmevcntr2_el0, x0
    mov     x0, #12
    msr     pmcntenset_el0, x0
    isb
    mov     x0, #4
    msr     pmswinc_el0, x0
    isb
    mrs     x0, pmevcntr2_el0
    check_field x0, 0xffffffff, 0   // QEMU 7.2 shows the carry
    mrs     x0, pmovsset_el0
    check_field x0, 15, 4
.if QEMU == 0                       // QEMU 7.2 has no CHAIN
    mrs     x0, pmevcntr3_el0
    check_eq x0, 1
.endif
    mov     x0, #4
    msr     pmovsclr_el0, x0
    mrs     x0, pmovsset_el0
    check_field x0, 15, 0
    // EL0: trapped until PMUSERENR_EL0 says otherwise.
    msr     pmuserenr_el0, xzr
    try     1f
    el0     el0_reads_cycles
1:  check_exception VEC_EL0_SYNC, ESR_SYSREG_READ + (3 << 20) + (0 << 17) + (3 << 14) + (9 << 10) + (13 << 1)
    mov     x0, #4                  // CR
    msr     pmuserenr_el0, x0
    try     1f
    el0     el0_reads_cycles
1:  check_exception VEC_EL0_SYNC, ESR_SVC + 4
    try     1f
    el0     el0_writes_control
1:  check_exception VEC_EL0_SYNC, ESR_SYSREG + (3 << 20) + (0 << 17) + (3 << 14) + (9 << 10) + (12 << 1)
    // The overflow interrupt of a cycle event: a level, until the flag is cleared.
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    mov     x0, #EVENT_CPU_CYCLES
    msr     pmevtyper4_el0, x0
    ldr     x0, =0xfffff000
    msr     pmevcntr4_el0, x0
    mov     x0, #16
    msr     pmintenset_el1, x0
    msr     pmcntenset_el0, x0
    isb
    add     x20, x23, #GICR_SGI
    mov     w0, #1 << PPI_PMU
    str     w0, [x20, #GICD_ISENABLER]
    ldr     x21, =200000000
1:  ldr     w0, [x20, #GICD_ISPENDR]
    tbnz    w0, #PPI_PMU, 2f
    subs    x21, x21, #1
    b.ne    1b
2:  check_field x0, 1 << PPI_PMU, 1 << PPI_PMU
    ldr     x0, =pmu_irq
    str     x0, [x18, #R_IRQ]
    msr     daifclr, #2
    nop
    nop
    msr     daifset, #2
    ldr     x0, [x18, #R_INTID]
    check_eq x0, PPI_PMU
    ldr     w0, [x20, #GICD_ISPENDR]
    check_field x0, 1 << PPI_PMU, 0
    pass
failed:
    mov     x0, #253
    b       exit

// Clears the flag before the end of the interrupt.
pmu_irq:
    mrs     x16, S3_0_C12_C12_0
    str     x16, [x18, #R_INTID]
    mov     x17, #-1
    msr     pmovsclr_el0, x17
    isb
    msr     S3_0_C12_C12_1, x16
    eret

three_nops:
    nop
    nop
    nop
    svc     #3
el0_reads_cycles:
    mrs     x0, pmccntr_el0
    svc     #4
el0_writes_control:
    msr     pmcr_el0, x0
    svc     #5
