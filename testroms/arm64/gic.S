// GICv3: identification, SGIs, priorities and masking, preemption, EOImode, enables, SPIs set pending by software.
// run: --semihosting
// expect: exit=0
.include "common.inc"

.macro ack register
    isb
    mrs     \register, S3_0_C12_C12_0       // ICC_IAR1_EL1
    dsb     sy
.endm
.macro eoi register
    msr     S3_0_C12_C12_1, \register       // ICC_EOIR1_EL1
    isb
.endm
.macro running register
    mrs     \register, S3_0_C12_C11_3       // ICC_RPR_EL1
.endm
.macro highest register
    isb
    mrs     \register, S3_0_C12_C12_2       // ICC_HPPIR1_EL1
.endm
.macro mask value
    mov     x0, #\value
    msr     S3_0_C4_C6_0, x0                // ICC_PMR_EL1
    isb
.endm
// priority INTID, VALUE: of an SGI.
.macro priority intid, value
    mov     w0, #\value
    strb    w0, [x20, #GICD_IPRIORITYR + \intid]
.endm

main:
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    add     x20, x23, #GICR_SGI
    mov     w0, #0xffff
    str     w0, [x20, #GICD_ISENABLER]

    // Identification.
    ldr     x1, =GICD + GIC_PIDR2
    ldr     w0, [x1]
    check_field x0, 0xf0, 0x30
    ldr     x1, =GIC_PIDR2
    ldr     w0, [x23, x1]
    check_field x0, 0xf0, 0x30
    ldr     w0, [x24, #GICD_TYPER]
    and     x0, x0, #31
    cmp     x0, #2
    check_true hs
    ldr     w0, [x24, #GICD_CTLR]
    check_field x0, 0x80000012, 0x12
    ldr     w0, [x20, #GICD_ISENABLER]
    check_field x0, 0xffff, 0xffff
    ldr     w0, [x20, #GICD_ICENABLER]
    check_field x0, 0xffff, 0xffff
    ldr     w0, [x20, #GICD_IGROUPR]
    check_eq x0, 0xffffffff
    ldr     w0, [x20, #GICD_ICFGR]          // SGIs are edge-triggered
    check_eq x0, 0xaaaaaaaa
    ldr     w0, [x24, #GICD_ISENABLER]      // banked registers of the distributor are RAZ under affinity routing
    check_eq x0, 0
    mrs     x0, S3_0_C12_C12_5
    check_field x0, 1, 1

    // Nothing pending.
    ack     x0
    check_eq x0, SPURIOUS
    highest x0
    check_eq x0, SPURIOUS
    running x0
    check_eq x0, 0xff

    // An SGI from start to end. Pending twice is pending once.
    sgi_self 5
    sgi_self 5
    ldr     w0, [x20, #GICD_ISPENDR]
    check_eq x0, 1 << 5
    mrs     x0, isr_el1
    check_eq x0, 1 << 7
    highest x0
    check_eq x0, 5
    ack     x19
    check_eq x19, 5
    running x0
    check_eq x0, 0xa0
    ldr     w0, [x20, #GICD_ISACTIVER]
    check_eq x0, 1 << 5
    ldr     w0, [x20, #GICD_ISPENDR]
    check_eq x0, 0
    mrs     x0, isr_el1
    check_eq x0, 0
    // Pending again while active: waits for the end.
    sgi_self 5
    ack     x0
    check_eq x0, SPURIOUS
    eoi     x19
    running x0
    check_eq x0, 0xff
    ack     x19
    check_eq x19, 5
    eoi     x19
    ldr     w0, [x20, #GICD_ISACTIVER]
    check_eq x0, 0
    ack     x0
    check_eq x0, SPURIOUS

    // Order: by priority, then by number.
    priority 1, 0xb0
    priority 2, 0x40
    priority 3, 0x40
    ldrb    w0, [x20, #GICD_IPRIORITYR + 2]
    check_eq x0, 0x40
    sgi_self 1
    sgi_self 3
    sgi_self 2
    ack     x0
    check_eq x0, 2
    eoi     x0
    ack     x0
    check_eq x0, 3
    eoi     x0
    // Preemption: only a higher priority than the running one.
    ack     x19
    check_eq x19, 1
    sgi_self 2
    ack     x21
    check_eq x21, 2
    running x0
    check_eq x0, 0x40
    sgi_self 3
    mrs     x0, isr_el1
    check_eq x0, 0
    ack     x0
    check_eq x0, SPURIOUS
    eoi     x21
    running x0
    check_eq x0, 0xb0
    ack     x0
    check_eq x0, 3
    eoi     x0
    eoi     x19
    running x0
    check_eq x0, 0xff

    // Binary point 6: one group bit (and with it 0x40 does not preempt 0x60, 0x80 would be preempted).
    mov     x0, #6
    msr     S3_0_C12_C12_3, x0
    isb
    priority 4, 0x60
    sgi_self 4
    ack     x19
    check_eq x19, 4
    sgi_self 2
    ack     x0
    check_eq x0, SPURIOUS
    eoi     x19
    ack     x0
    check_eq x0, 2
    eoi     x0
    msr     S3_0_C12_C12_3, xzr
    isb

    // The mask: a priority must be higher (a lower number) than it.
    priority 1, 0x80
    sgi_self 1
    mask    0x80
    mrs     x0, isr_el1
    check_eq x0, 0
    ack     x0
    check_eq x0, SPURIOUS
    mask    0x90
    mrs     x0, isr_el1
    check_eq x0, 1 << 7
    ack     x0
    check_eq x0, 1
    eoi     x0
    mask    0xff

    // Enables: of the interrupt, of the group at the CPU, of the group at the distributor.
    mov     w0, #2
    str     w0, [x20, #GICD_ICENABLER]
    sgi_self 1
    ack     x0
    check_eq x0, SPURIOUS
    ldr     w0, [x20, #GICD_ISPENDR]
    check_eq x0, 2
    mov     w0, #2
    str     w0, [x20, #GICD_ISENABLER]
    msr     S3_0_C12_C12_7, xzr
    isb
    mrs     x0, isr_el1
    check_eq x0, 0
    mov     x0, #1
    msr     S3_0_C12_C12_7, x0
    mov     w0, #0x10
    str     w0, [x24, #GICD_CTLR]
    dsb     sy
    isb
    mrs     x0, isr_el1
    check_eq x0, 0
    mov     w0, #0x12
    str     w0, [x24, #GICD_CTLR]
    dsb     sy
    ack     x0
    check_eq x0, 1
    eoi     x0
    // Set and cleared by software.
    mov     w0, #1 << 7
    str     w0, [x20, #GICD_ISPENDR]
    highest x0
    check_eq x0, 7
    mov     w0, #1 << 7
    str     w0, [x20, #GICD_ICPENDR]
    ack     x0
    check_eq x0, SPURIOUS

    // EOImode 1: EOIR drops the priority, DIR deactivates.
    mov     x0, #2
    msr     S3_0_C12_C12_4, x0
    isb
    sgi_self 1
    ack     x19
    check_eq x19, 1
    eoi     x19
    running x0
    check_eq x0, 0xff
    ldr     w0, [x20, #GICD_ISACTIVER]
    check_eq x0, 2
    sgi_self 1
    ack     x0                      // active still: not again
    check_eq x0, SPURIOUS
    msr     S3_0_C12_C11_1, x19     // ICC_DIR_EL1
    isb
    ldr     w0, [x20, #GICD_ISACTIVER]
    check_eq x0, 0
    ack     x0
    check_eq x0, 1
    eoi     x0
    msr     S3_0_C12_C11_1, x0
    isb
    msr     S3_0_C12_C12_4, xzr
    isb

    // SPIs. Routed here by affinity; edge-triggered first.
    mrs     x0, mpidr_el1
    and     x0, x0, #0xffffff
    ldr     x1, =GICD + GICD_IROUTER + 8 * SPI
    str     x0, [x1]
    ldr     x2, [x1]
    check_same x2, x0
    ldr     x1, =GICD + GICD_ICFGR + 4 * (SPI / 16)
    mov     w0, #2 << (2 * (SPI % 16))
    str     w0, [x1]
    ldr     w2, [x1]
    check_field x2, 3 << (2 * (SPI % 16)), 2 << (2 * (SPI % 16))
    mov     w19, #1 << (SPI % 32)
    ldr     w0, [x24, #GICD_IGROUPR + 4 * (SPI / 32)]
    orr     w0, w0, w19
    str     w0, [x24, #GICD_IGROUPR + 4 * (SPI / 32)]
    mov     w0, #0x50
    strb    w0, [x24, #GICD_IPRIORITYR + SPI]
    str     w19, [x24, #GICD_ISPENDR + 4 * (SPI / 32)]
    ack     x0
    check_eq x0, SPURIOUS           // not enabled yet
    str     w19, [x24, #GICD_ISENABLER + 4 * (SPI / 32)]
    dsb     sy
    ack     x21
    check_eq x21, SPI
    running x0
    check_eq x0, 0x50
    ldr     w0, [x24, #GICD_ISACTIVER + 4 * (SPI / 32)]
    and     w0, w0, w19
    check_same x0, x19
    ldr     w0, [x24, #GICD_ISPENDR + 4 * (SPI / 32)]
    and     w0, w0, w19
    check_eq x0, 0
    str     w19, [x24, #GICD_ISPENDR + 4 * (SPI / 32)]
    eoi     x21
    ack     x21
    check_eq x21, SPI
    eoi     x21
    ack     x0
    check_eq x0, SPURIOUS
    // Level-sensitive with an idle line: what software set stays pending until it is acknowledged or cleared.
    ldr     x1, =GICD + GICD_ICFGR + 4 * (SPI / 16)
    str     wzr, [x1]
    str     w19, [x24, #GICD_ISPENDR + 4 * (SPI / 32)]
    dsb     sy
    ack     x21
    check_eq x21, SPI
    eoi     x21
    ack     x0
    check_eq x0, SPURIOUS
    str     w19, [x24, #GICD_ISPENDR + 4 * (SPI / 32)]
    str     w19, [x24, #GICD_ICPENDR + 4 * (SPI / 32)]
    dsb     sy
    ack     x0
    check_eq x0, SPURIOUS
    str     w19, [x24, #GICD_ICENABLER + 4 * (SPI / 32)]
    ldr     w0, [x24, #GICD_ISENABLER + 4 * (SPI / 32)]
    and     w0, w0, w19
    check_eq x0, 0
    pass
