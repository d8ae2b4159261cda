// System registers: identification space, read-only and unallocated encodings, and what EL0 may touch.
// run: --semihosting
// expect: exit=0
.include "common.inc"

.set SCTLR_DZE, 1 << 14
.set SCTLR_UCT, 1 << 15
.set SCTLR_UMA, 1 << 9
.set SCTLR_UCI, 1 << 26

// undefined INSTRUCTION: at EL1.
.macro undefined instruction:vararg
    try     .Lresume\@
.Lfault\@:
    \instruction
.Lresume\@:
    check_exception VEC_SPX_SYNC, ESR_UNKNOWN
    check_elr .Lfault\@
.endm
// el0_traps ESR, INSTRUCTION: at EL0; el0_allows: likewise, up to the SVC after it.
.macro el0_traps esr, instruction:vararg
    try     .Lresume\@
    el0     .Lfault\@
.Lfault\@:
    \instruction
    svc     #0x11
.Lresume\@:
    check_exception VEC_EL0_SYNC, \esr
    check_elr .Lfault\@
.endm
.macro el0_allows instruction:vararg
    try     .Lresume\@
    el0     .Lfault\@
.Lfault\@:
    \instruction
    svc     #0x11
.Lresume\@:
    check_exception VEC_EL0_SYNC, ESR_SVC + 0x11
.endm
// The syndrome of a trapped access: direction 1 is a read. (Arm ARM D19.2.37, EC 0x18)
.macro iss name, op0, op1, crn, crm, op2, rt, read
    .set \name, ESR_SYSREG + (\op0 << 20) + (\op2 << 17) + (\op1 << 14) + (\crn << 10) + (\rt << 5) + (\crm << 1) + \read
.endm
// setbits, clearbits: of SCTLR_EL1.
.macro setbits value
    mrs     x0, sctlr_el1
    orr     x0, x0, #\value
    msr     sctlr_el1, x0
    isb
.endm
.macro clearbits value
    mrs     x0, sctlr_el1
    bic     x0, x0, #\value
    msr     sctlr_el1, x0
    isb
.endm

iss CTR, 3, 3, 0, 0, 1, 5, 1
iss DAIF_READ, 3, 3, 4, 2, 1, 6, 1
iss DAIF_WRITE, 3, 3, 4, 2, 1, 6, 0
iss DAIFSET, 0, 3, 4, 2, 6, 31, 0
iss DC_CIVAC, 1, 3, 7, 14, 1, 7, 0
iss DC_ZVA, 1, 3, 7, 4, 1, 7, 0
iss IC_IVAU, 1, 3, 7, 5, 1, 7, 0
iss CNTVCT, 3, 3, 14, 0, 2, 8, 1
iss CNTPCT, 3, 3, 14, 0, 1, 8, 1
iss CNTFRQ, 3, 3, 14, 0, 0, 8, 1
iss CNTV_CTL, 3, 3, 14, 3, 1, 8, 0
iss CNTP_CVAL, 3, 3, 14, 2, 2, 8, 1
iss MIDR, 3, 0, 0, 0, 0, 9, 1

main:
    // Identification registers can be read, all of the space; what is not allocated there reads as zero.
    .irp crm, 1, 2, 3, 4, 5, 6, 7
    .irp op2, 0, 1, 2, 3, 4, 5, 6, 7
    mrs     x0, S3_0_C0_C\crm\()_\op2
    .endr
    .endr
    mrs     x0, S3_0_C0_C7_6
    check_eq x0, 0
    mrs     x0, S3_0_C0_C5_7
    check_eq x0, 0
    mrs     x0, midr_el1
    and     x0, x0, #0xf0000        // architecture: by the ID registers
    check_eq x0, 0xf0000
    mrs     x0, mpidr_el1
    check_field x0, 0x80ffffff, 0x80000000
    mrs     x0, revidr_el1
    mrs     x0, id_aa64pfr0_el1
    and     x1, x0, #0xf
    cmp     x1, #1
    check_true hs
    tst     x0, #0xf0
    check_true ne
    mrs     x0, id_aa64mmfr0_el1
    ubfx    x0, x0, #28, #4         // 4K granule: 15 is none
    cmp     x0, #15
    check_true ne
    mrs     x0, id_aa64isar0_el1
    check_field x0, 0xf00000, 0x200000      // LSE
    check_field x0, 0xf0000, 0x10000        // CRC32
    mrs     x0, ctr_el0
    check_field x0, 0x80000000, 0x80000000
    mrs     x0, dczid_el0
    check_field x0, 0x10, 0
    mrs     x0, clidr_el1
    mrs     x0, ccsidr_el1
    mrs     x0, currentel
    check_eq x0, 4

    // EL1 is the highest exception level, so the reset address is in a register of its own.
    mrs     x0, S3_0_C12_C0_1       // RVBAR_EL1
    check_field x0, 3, 0
    // Read-only registers are UNDEFINED to write, unallocated ones altogether; so are those of levels that are higher.
    undefined msr S3_0_C0_C0_0, x0          // MIDR_EL1
    undefined msr S3_0_C0_C4_0, x0          // ID_AA64PFR0_EL1
    undefined msr S3_3_C0_C0_1, x0          // CTR_EL0
    undefined msr S3_3_C14_C0_2, x0         // CNTVCT_EL0
    undefined msr S3_0_C12_C1_0, x0         // ISR_EL1
    undefined mrs x0, S3_0_C13_C15_7
    undefined msr S3_0_C13_C15_7, x0
    undefined mrs x0, S3_3_C13_C6_6
    undefined mrs x0, S3_4_C1_C1_0          // HCR_EL2
    undefined mrs x0, S3_6_C1_C1_0          // SCR_EL3
    undefined mrs x0, S3_4_C1_C0_0          // SCTLR_EL2
    undefined msr S3_0_C12_C12_0, x0        // ICC_IAR1_EL1 is read-only
    undefined mrs x0, S3_0_C12_C12_1        // ICC_EOIR1_EL1 is write-only
    undefined .inst 0xd50e8000              // SYS #6, c8, c0, #0

    // Registers keep what is written.
    ldr     x1, =0x123456789abcdef0
    .irp register, tpidr_el0, tpidrro_el0, tpidr_el1, elr_el1, far_el1, sp_el0
    msr     \register, x1
    isb
    mrs     x0, \register
    check_same x0, x1
    .endr
    mov     x1, #0x03c00000
    msr     fpcr, x1
    mrs     x0, fpcr
    check_same x0, x1
    msr     fpcr, xzr
    mov     x1, #1
    msr     contextidr_el1, x1
    mrs     x0, contextidr_el1
    check_eq x0, 1
    ldr     x1, =0xa0000000
    msr     nzcv, x1
    mrs     x0, nzcv
    check_same x0, x1
    msr     spsel, #0
    mov     x2, sp
    msr     spsel, #1
    mrs     x1, sp_el0
    check_same x2, x1
    b       el0_rules
    .ltorg

el0_rules:
    ldr     x0, =stacks + 4096
    msr     sp_el0, x0
    el0_allows mrs x0, tpidr_el0
    el0_allows msr tpidr_el0, x0
    el0_allows mrs x0, tpidrro_el0
    el0_allows mrs x0, nzcv
    el0_allows msr fpcr, xzr
    el0_allows mrs x0, dczid_el0
    el0_traps ESR_UNKNOWN, msr tpidrro_el0, x0
    el0_traps ESR_UNKNOWN, mrs x0, sctlr_el1
    el0_traps ESR_UNKNOWN, msr vbar_el1, x0
    el0_traps ESR_UNKNOWN, mrs x0, currentel
    el0_traps ESR_UNKNOWN, msr spsel, #0
    el0_traps ESR_UNKNOWN, tlbi vmalle1
    el0_traps ESR_UNKNOWN, at s1e1r, x0
    el0_traps ESR_UNKNOWN, mrs x0, S3_0_C12_C12_0

    // SCTLR_EL1 opens and closes cache type, maintenance, zeroing and the interrupt masks.
    clearbits SCTLR_UCT
    el0_traps CTR, mrs x5, ctr_el0
    setbits SCTLR_UCT
    el0_allows mrs x5, ctr_el0
    clearbits SCTLR_UMA
    el0_traps DAIF_READ, mrs x6, daif
    el0_traps DAIF_WRITE, msr daif, x6
.if QEMU == 0                       // QEMU 7.2 swaps op1 and op2 in this syndrome
    el0_traps DAIFSET, msr daifset, #2
.endif
    setbits SCTLR_UMA
    el0_allows mrs x6, daif
    el0_allows msr daifset, #2
    clearbits SCTLR_UMA
    ldr     x7, =stacks
    clearbits SCTLR_UCI
    el0_traps DC_CIVAC, dc civac, x7
    el0_traps IC_IVAU, ic ivau, x7
    setbits SCTLR_UCI
    el0_allows dc civac, x7
    el0_allows ic ivau, x7
    clearbits SCTLR_DZE
    mrs     x0, dczid_el0           // DZP follows the trap
    el0_traps DC_ZVA, dc zva, x7

    // CNTKCTL_EL1: counters and timers one by one.
    msr     cntkctl_el1, xzr
    isb
    el0_traps CNTVCT, mrs x8, cntvct_el0
    el0_traps CNTPCT, mrs x8, cntpct_el0
    el0_traps CNTFRQ, mrs x8, cntfrq_el0
    el0_traps CNTV_CTL, msr cntv_ctl_el0, x8
    el0_traps CNTP_CVAL, mrs x8, cntp_cval_el0
    mov     x0, #2                  // EL0VCTEN
    msr     cntkctl_el1, x0
    isb
    el0_allows mrs x8, cntvct_el0
    el0_allows mrs x8, cntfrq_el0
    el0_traps CNTPCT, mrs x8, cntpct_el0
    ldr     x0, =0x303              // all
    msr     cntkctl_el1, x0
    isb
    mov     x8, #0
    el0_allows mrs x8, cntpct_el0
    mov     x8, #0
    el0_allows msr cntv_ctl_el0, x8
    el0_allows mrs x8, cntp_cval_el0

    // Identification registers at EL0: UNDEFINED, or trapped where ID_AA64MMFR2_EL1.IDS says so.
    mrs     x0, id_aa64mmfr2_el1
    ubfx    x0, x0, #36, #4
    cbnz    x0, 1f
    el0_traps ESR_UNKNOWN, mrs x9, midr_el1
    b       2f
1:  el0_traps MIDR, mrs x9, midr_el1
2:  pass
