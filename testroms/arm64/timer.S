// Generic timers: counter, conditions, status and mask bits, TVAL, interrupts as PPIs 27 and 30, WFI.
// run: --semihosting
// expect: exit=0
.include "common.inc"

.set ENABLE, 1
.set IMASK, 2
.set ISTATUS, 4

// one NAME, COUNTER, PPI: a timer's checks.
.macro one name, counter, ppi
    // Not reached: no status. Reached: status, whatever the mask says.
    msr     \name\()_ctl_el0, xzr
    mov     x0, #-1
    lsr     x0, x0, #1
    msr     \name\()_cval_el0, x0
    mov     x0, #ENABLE | IMASK
    msr     \name\()_ctl_el0, x0
    isb
    mrs     x0, \name\()_ctl_el0
    check_eq x0, ENABLE | IMASK
    mrs     x1, \counter
    msr     \name\()_cval_el0, x1
    isb
    mrs     x0, \name\()_ctl_el0
    check_eq x0, ENABLE | IMASK | ISTATUS
    msr     \name\()_cval_el0, xzr
    isb
    mrs     x0, \name\()_ctl_el0
    check_eq x0, ENABLE | IMASK | ISTATUS
    // TVAL is signed, relative to the counter, and counts down through zero.
    ldr     x0, =1000000
    mrs     x21, \counter
    msr     \name\()_tval_el0, x0
    isb
    mrs     x22, \name\()_cval_el0
    sub     x0, x22, x21
    ldr     x1, =1000000
    cmp     x0, x1
    check_true hs
    ldr     x1, =10000000000        // ten seconds: a busy host may keep the vCPU waiting
    cmp     x0, x1
    check_true lo
    mrs     x0, \name\()_tval_el0
    ldr     x1, =1000000
    cmp     w0, w1
    check_true le
    mov     x0, #-5
    msr     \name\()_tval_el0, x0
    isb
    mrs     x0, \name\()_ctl_el0
    check_eq x0, ENABLE | IMASK | ISTATUS
    mrs     x0, \name\()_tval_el0
    tst     x0, #0x80000000
    check_true ne
    lsr     x0, x0, #32             // TVAL reads as 32 bits
    check_eq x0, 0
    // Masked by IMASK: the PPI is not pending. Unmasked: it is, and goes away with the condition (it is a level).
    add     x20, x23, #GICR_SGI
    ldr     w0, [x20, #GICD_ISPENDR]
    check_field x0, 1 << \ppi, 0
    mov     x0, #ENABLE
    msr     \name\()_ctl_el0, x0
    isb
    ldr     w0, [x20, #GICD_ISPENDR]
    check_field x0, 1 << \ppi, 1 << \ppi
    msr     \name\()_ctl_el0, xzr
    isb
    ldr     w0, [x20, #GICD_ISPENDR]
    check_field x0, 1 << \ppi, 0
    // WFI with interrupts masked: the timer wakes it, PSTATE.I keeps the interrupt back.
    mov     w0, #1 << \ppi
    str     w0, [x20, #GICD_ISENABLER]
    mrs     x0, cntfrq_el0
    mov     x1, #50                 // 20 ms
    udiv    x0, x0, x1
    msr     \name\()_tval_el0, x0
    mov     x0, #ENABLE
    msr     \name\()_ctl_el0, x0
    isb
    mrs     x21, \name\()_cval_el0
    ldr     x24, [x18, #R_COUNT]
1:  wfi
    mrs     x0, \name\()_ctl_el0
    tbz     x0, #2, 1b
    isb
    mrs     x0, \counter
    cmp     x0, x21
    check_true hs
    ldr     x0, [x18, #R_COUNT]
    check_same x0, x24
    // And opened, it comes.
    msr     daifclr, #2
    nop
    nop
    msr     daifset, #2
    ldr     x0, [x18, #R_VEC]
    check_eq x0, VEC_SPX_IRQ
    ldr     x0, [x18, #R_INTID]
    check_eq x0, \ppi
    ldr     x0, [x18, #R_COUNT]
    add     x24, x24, #1
    check_same x0, x24
    // A level that stays: the interrupt is there again after its end, and not once the timer is off.
    mov     x0, #ENABLE
    msr     \name\()_cval_el0, xzr
    msr     \name\()_ctl_el0, x0
    isb
    mrs     x0, S3_0_C12_C12_0
    check_eq x0, \ppi
    mrs     x1, S3_0_C12_C12_0
    check_eq x1, SPURIOUS
    msr     S3_0_C12_C12_1, x0
    isb
    mrs     x0, S3_0_C12_C12_0
    check_eq x0, \ppi
    msr     \name\()_ctl_el0, xzr
    isb
    msr     S3_0_C12_C12_1, x0
    isb
    mrs     x0, S3_0_C12_C12_0
    check_eq x0, SPURIOUS
    // Interrupts open in WFI: taken, and execution goes on after it. One that comes before the WFI, on a busy host, is followed by another.
    ldr     x0, =\name\()_again
    str     x0, [x18, #R_IRQ]
    mrs     x0, cntfrq_el0
    mov     x1, #200
    udiv    x0, x0, x1
    msr     \name\()_tval_el0, x0
    mov     x0, #ENABLE
    ldr     x24, [x18, #R_COUNT]
    msr     daifclr, #2
    msr     \name\()_ctl_el0, x0
    isb
2:  wfi
    ldr     x0, [x18, #R_COUNT]
    cmp     x0, x24
    b.eq    2b
    msr     daifset, #2
    msr     \name\()_ctl_el0, xzr
    ldr     x0, =irq_ack_eoi
    str     x0, [x18, #R_IRQ]
    ldr     x0, [x18, #R_INTID]
    check_eq x0, \ppi
    mov     w0, #1 << \ppi
    str     w0, [x20, #GICD_ICENABLER]
.endm

// again NAME: an R_IRQ routine that lets a timer go on: its next interrupt comes in 5 ms.
.macro again name
\name\()_again:
    mrs     x16, S3_0_C12_C12_0
    str     x16, [x18, #R_INTID]
    mrs     x16, cntfrq_el0
    mov     x17, #200
    udiv    x16, x16, x17
    msr     \name\()_tval_el0, x16
    isb
    ldr     x16, [x18, #R_INTID]
    msr     S3_0_C12_C12_1, x16
    eret
.endm

main:
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    ldr     x0, =irq_ack_eoi
    str     x0, [x18, #R_IRQ]
    mrs     x0, cntfrq_el0
    ldr     x1, =1000000
    cmp     x0, x1
    check_true hs
    // The counters run, never backwards, and without EL2 the virtual one is the physical one.
    mrs     x19, cntvct_el0
    mov     x21, #1000
1:  isb
    mrs     x20, cntvct_el0
    cmp     x20, x19
    check_true hs
    mov     x19, x20
    subs    x21, x21, #1
    b.ne    1b
    isb
    mrs     x20, cntpct_el0
    cmp     x20, x19
    check_true hs
    isb
    mrs     x19, cntvct_el0
    cmp     x19, x20
    check_true hs
    one     cntv, cntvct_el0, PPI_VTIMER
    b       physical
    .ltorg
physical:
    one     cntp, cntpct_el0, PPI_PTIMER
    pass

    again   cntv
    again   cntp
