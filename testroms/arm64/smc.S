// SMCCC 1.1 over HVC, and the TRNG interface (Arm DEN0098).
// run: --semihosting
// expect: exit=0
// not-on-qemu: QEMU 7.2 has no SMCCC services beside PSCI
.include "common.inc"

.set TRNG_RND32, 0x84000053

.macro call_returns function, result
    hvc_call \function
    check_eq x0, \result
.endm
.macro random function, bits
    mov     x1, #\bits
    hvc_call \function
.endm

main:
    hvc_call SMCCC_VERSION
    ldr     x1, =0x10001
    cmp     x0, x1
    check_true ge
    ldr     x1, =SMCCC_VERSION
    call_returns PSCI_FEATURES, 0
    ldr     x1, =SMCCC_ARCH_FEATURES
    call_returns SMCCC_ARCH_FEATURES, 0
    ldr     x1, =0x8000ff00
    call_returns SMCCC_ARCH_FEATURES, NOT_SUPPORTED
    // The result is 64 bits wide: -1 in all of them.
    call_returns 0xc3001234, NOT_SUPPORTED
    call_returns 0x8600ff01, NOT_SUPPORTED
    // SMC has no EL3 to go to.
    try     2f
    ldr     w0, =SMCCC_VERSION
1:  smc     #0
2:  check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    check_elr 1b

    hvc_call TRNG_VERSION
    ldr     x1, =0x10000
    cmp     x0, x1
    check_true ge
    .irp function, TRNG_VERSION, TRNG_FEATURES, TRNG_GET_UUID, TRNG_RND32, TRNG_RND64
    ldr     x1, =\function
    hvc_call TRNG_FEATURES
    cmp     x0, #0
    check_true ge
    .endr
    ldr     x1, =PSCI_VERSION
    call_returns TRNG_FEATURES, NOT_SUPPORTED
    hvc_call TRNG_GET_UUID
    cmn     w0, #1
    check_true ne

    // 192 bits: three full registers, most significant first, other every time.
    random  TRNG_RND64, 192
    check_eq x0, 0
    mov     x19, x1
    mov     x20, x2
    mov     x21, x3
    cmp     x1, x2
    check_true ne
    cmp     x2, x3
    check_true ne
    random  TRNG_RND64, 192
    check_eq x0, 0
    cmp     x1, x19
    check_true ne
    cmp     x2, x20
    check_true ne
    cmp     x3, x21
    check_true ne
    // Fewer: the rest is zero.
    random  TRNG_RND64, 65
    check_eq x0, 0
    check_eq x1, 0
    lsr     x2, x2, #1
    check_eq x2, 0
    random  TRNG_RND64, 1
    check_eq x0, 0
    check_eq x1, 0
    check_eq x2, 0
    lsr     x3, x3, #1
    check_eq x3, 0
    random  TRNG_RND32, 96
    check_eq x0, 0
    orr     x0, x1, x2
    orr     x0, x0, x3
    lsr     x0, x0, #32
    check_eq x0, 0
    random  TRNG_RND32, 40
    check_eq x0, 0
    check_eq x1, 0
    lsr     x2, x2, #8
    check_eq x2, 0
    // Not zero and not more than there is.
    random  TRNG_RND64, 0
    check_eq x0, INVALID_PARAMETERS
    random  TRNG_RND64, 193
    check_eq x0, INVALID_PARAMETERS
    random  TRNG_RND32, 0
    check_eq x0, INVALID_PARAMETERS
    random  TRNG_RND32, 97
    check_eq x0, INVALID_PARAMETERS
    // Everything but x0 to x3 is kept.
    .irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 29
    mov     x\n, #0x5500 + \n
    .endr
    random  TRNG_RND64, 192
    mov     x1, #0
    .irp n, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 19, 29
    sub     x2, x\n, #0x5000
    sub     x2, x2, #0x500 + \n
    orr     x1, x1, x2
    .endr
    check_eq x1, 0
    pass
