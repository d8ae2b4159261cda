// PSCI over HVC: version, features, bad parameters, a second CPU on, off and on again, suspend.
// run: --semihosting --cpus boot=2
// expect: exit=0
.include "common.inc"

.set CONTEXT, 0xfedcba9876543210

// call FUNCTION, RESULT
.macro call_returns function, result
    hvc_call \function
    check_eq x0, \result
.endm
.macro supported function, result=0
    ldr     x1, =\function
    hvc_call PSCI_FEATURES
    check_eq x0, \result
.endm
// state CPU, STATE: polls AFFINITY_INFO until it says so. 0 on, 1 off.
.macro wait_state cpu, state
1:  mov     x1, #\cpu
    mov     x2, #0
    hvc_call PSCI_AFFINITY_INFO
    cmp     x0, #\state
    b.ne    1b
.endm

main:
    call_returns PSCI_VERSION, 0x10001
    // SMCCC: everything but x0 to x3 is kept.
    .irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 29
    mov     x\n, #0x5500 + \n
    .endr
    hvc_call PSCI_VERSION
    mov     x1, #0
    .irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 29
    sub     x2, x\n, #0x5000
    sub     x2, x2, #0x500 + \n
    orr     x1, x1, x2
    .endr
    check_eq x1, 0

    supported PSCI_VERSION
    supported PSCI_CPU_SUSPEND
    supported PSCI_CPU_OFF
    supported PSCI_CPU_ON
    supported PSCI_AFFINITY_INFO
    supported PSCI_SYSTEM_OFF
    supported PSCI_SYSTEM_RESET
    supported PSCI_FEATURES
    supported 0x840000ff, NOT_SUPPORTED
    supported 0, NOT_SUPPORTED
.if QEMU == 0                       // QEMU 7.2 has neither, and takes an unknown call for an UNDEFINED HVC
    supported SMCCC_VERSION
    supported 0x84000012            // SYSTEM_RESET2, 32 and 64 bits
    supported 0xc4000012
    call_returns 0x8400001f, NOT_SUPPORTED
    call_returns 0xc60000ff, NOT_SUPPORTED
    call_returns 0, NOT_SUPPORTED
.endif
    call_returns PSCI_MIGRATE_INFO_TYPE, 2  // no Trusted OS

    // Bad parameters.
    mov     x1, #0
    mov     x2, #0
    call_returns PSCI_AFFINITY_INFO, 0
    mov     x1, #1
    mov     x2, #0
    call_returns PSCI_AFFINITY_INFO, 1
    mov     x1, #7
    mov     x2, #0
    call_returns PSCI_AFFINITY_INFO, INVALID_PARAMETERS
    mov     x1, #0x100
    mov     x2, #0
    call_returns PSCI_AFFINITY_INFO, INVALID_PARAMETERS
    mov     x1, #7
    ldr     x2, =second
    call_returns PSCI_CPU_ON, INVALID_PARAMETERS
    ldr     x1, =0x8000000000000000
    ldr     x2, =second
    call_returns PSCI_CPU_ON, INVALID_PARAMETERS
    mov     x1, #0
    ldr     x2, =second
    call_returns PSCI_CPU_ON, ALREADY_ON

    // On: it starts at EL1h, masked, MMU off, the context in x0.
    mov     x1, #1
    ldr     x2, =second
    ldr     x3, =CONTEXT
    call_returns PSCI_CPU_ON, 0
    ldr     x20, =shared
1:  ldar    x0, [x20]
    cbz     x0, 1b
    check_eq x0, 1
    ldr     x0, [x20, #8]
    check_eq x0, CONTEXT
    ldr     x0, [x20, #16]
    check_eq x0, 4
    ldr     x0, [x20, #24]
    check_eq x0, 0x3c0
    ldr     x0, [x20, #32]
    check_field x0, 0x1005, 0               // SCTLR_EL1.{M,C,I}
    ldr     x0, [x20, #40]
    check_field x0, 0xff, 1                 // MPIDR_EL1
    ldr     x0, [x20, #48]
    check_eq x0, 1                          // SPSel
    mov     x1, #1
    mov     x2, #0
    call_returns PSCI_AFFINITY_INFO, 0
    mov     x1, #1
    ldr     x2, =second
    call_returns PSCI_CPU_ON, ALREADY_ON
    // Off, and on again by the 32-bit call.
    mov     x0, #2
    stlr    x0, [x20]
    wait_state 1, 1
    str     xzr, [x20]
    mov     x1, #1
    ldr     x2, =second
    mov     x3, #0x77
    call_returns 0x84000003, 0
1:  ldar    x0, [x20]
    cbz     x0, 1b
    ldr     x0, [x20, #8]
    check_eq x0, 0x77
    mov     x0, #2
    stlr    x0, [x20]
    wait_state 1, 1

    // Standby: comes back after an interrupt that is pending though masked, everything kept.
    bl      gic_distributor_setup
    bl      gic_cpu_setup
    add     x20, x23, #GICR_SGI
    mov     w0, #1 << PPI_VTIMER
    str     w0, [x20, #GICD_ISENABLER]
    mrs     x0, cntfrq_el0
    mov     x1, #200
    udiv    x0, x0, x1
    msr     cntv_tval_el0, x0
    mov     x0, #1
    msr     cntv_ctl_el0, x0
    isb
    mrs     x21, cntv_cval_el0
    mov     x24, sp
    mov     x1, #0
    ldr     x2, =second
    mov     x3, #0
    call_returns PSCI_CPU_SUSPEND, 0
    isb
    mrs     x0, cntvct_el0
    cmp     x0, x21
    check_true hs
    mov     x0, sp
    check_same x0, x24
    mrs     x0, S3_0_C12_C12_0
    check_eq x0, PPI_VTIMER
    pass

// The second CPU: reports how it found itself, waits, and turns itself off.
second:
    ldr     x4, =shared
    mrs     x1, currentel
    mrs     x2, daif
    stp     x0, x1, [x4, #8]
    mrs     x3, sctlr_el1
    stp     x2, x3, [x4, #24]
    mrs     x1, mpidr_el1
    mrs     x2, spsel
    stp     x1, x2, [x4, #40]
    mov     x0, #1
    stlr    x0, [x4]
1:  ldar    x0, [x4]
    cmp     x0, #2
    b.ne    1b
    hvc_call PSCI_CPU_OFF
    mov     x0, #253
    b       exit

.bss
.balign 64
shared: .space 64
.text
