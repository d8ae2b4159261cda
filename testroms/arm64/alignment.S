// Alignment: data with SCTLR_EL1.A, on Device memory, exclusives, acquire/release and atomics; PC; SP.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

// x20 = address. WnR of the syndrome is compared only where `wnr` says so.
.macro misaligned esr, instruction:vararg
    try     .Lresume\@
.Lfault\@:
    \instruction
.Lresume\@:
    check_exception VEC_SPX_SYNC, \esr
    check_elr .Lfault\@
    check_far x20
.endm

main:
.if QEMU == 0                       // QEMU 7.2 checks alignment on Device memory nowhere
    // MMU off: all data is Device-nGnRnE.
    ldr     x20, =data + 1
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldr x0, [x20]
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, strh w0, [x20]
.endif
    bl      mmu_build
    // A page of RAM as Device memory, by an alias in the second 512 GiB.
    ldr     x9, =table_l0
    ldr     x10, =alias_l1 + DESC_TABLE
    str     x10, [x9, #8]
    ldr     x9, =alias_l1
    ldr     x10, =0x40000000 + DESC_BLOCK + ATTR_DEVICE + AF + PXN + UXN
    str     x10, [x9, #8]
    bl      mmu_on

    // Normal memory, A clear: any alignment, with every byte in its place, across 16 bytes, a page too.
    ldr     x20, =data
    ldr     x0, =0x8877665544332211
    stur    x0, [x20, #13]
    ldur    x1, [x20, #13]
    check_same x1, x0
    ldurb   w1, [x20, #15]
    check_eq x1, 0x33
    ldurb   w1, [x20, #20]
    check_eq x1, 0x88
    ldr     x20, =data + 4093
    str     x0, [x20]
    ldr     x1, [x20]
    check_same x1, x0
    ldrb    w1, [x20, #3]
    check_eq x1, 0x44
    stp     x0, x1, [x20]
    ldp     x2, x3, [x20]
    check_same x2, x0
    check_same x3, x1

    // SCTLR_EL1.A.
    mrs     x19, sctlr_el1
    orr     x0, x19, #SCTLR_A
    msr     sctlr_el1, x0
    isb
    ldr     x20, =data + 1
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldr x0, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldrh w0, [x20]
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, str w0, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldp x0, x1, [x20]
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, stp w0, w1, [x20]
    ldrb    w0, [x20]
    add     x20, x20, #3            // a pair is aligned to its elements
    ldp     w0, w1, [x20]
    msr     sctlr_el1, x19
    isb

    // Exclusives and ordered accesses that cross 16 bytes fault whatever A says.
    ldr     x20, =data + 12
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldxr x0, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldaxr x0, [x20]
    ldr     x20, =data + 15
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldxr w0, [x20]
    ldr     x20, =data + 8
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldxp x0, x1, [x20]
.if QEMU == 0                       // QEMU 7.2: STXR off its monitor just fails, LDAR and STLR are not checked, atomics set WnR
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, stxp w2, x0, x1, [x20]
    ldr     x20, =data + 12
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, stxr w1, x0, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldar x0, [x20]
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, stlr x0, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldadd x0, x1, [x20]
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, cas x0, x1, [x20]
    ldr     x20, =data + 8
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, casp x0, x1, x2, x3, [x20]

    // Device memory, MMU on.
    ldr     x20, =data + 2 + 0x8000000000
    misaligned ESR_DABT_SAME + FSC_ALIGNMENT, ldr w0, [x20]
    misaligned ESR_DABT_SAME + WNR + FSC_ALIGNMENT, str x0, [x20]
    ldrh    w0, [x20]
.endif

    // PC: the target is the return address and the fault address.
    try     1f
    adr     x20, main + 2
    br      x20
1:  check_exception VEC_SPX_SYNC, ESR_PC_ALIGN
    check_far x20
    ldr     x0, [x18, #R_ELR]
    check_same x0, x20
    try     1f
    el0     el0_jump
1:  check_exception VEC_EL0_SYNC, ESR_PC_ALIGN
    check_far x20

.if QEMU == 0                       // QEMU 7.2 has no SP alignment check
    // SP, with SA: loads and stores through it fault, arithmetic on it does not.
    mov     x21, sp
    mrs     x0, sctlr_el1
    orr     x0, x0, #SCTLR_SA
    orr     x0, x0, #SCTLR_SA0
    msr     sctlr_el1, x0
    isb
    try     2f
    sub     sp, sp, #8
1:  ldr     x0, [sp]
2:  mov     sp, x21
    check_exception VEC_SPX_SYNC, ESR_SP_ALIGN
    check_elr 1b
    try     2f
    sub     sp, sp, #8
1:  stp     x0, x1, [sp, #-16]!
2:  mov     x22, sp
    mov     sp, x21
    check_exception VEC_SPX_SYNC, ESR_SP_ALIGN
    check_elr 1b
    sub     x21, x21, #8
    check_same x22, x21             // no writeback
    add     x21, x21, #8
    try     1f
    el0     el0_stack
1:  check_exception VEC_EL0_SYNC, ESR_SP_ALIGN
    check_elr el0_stack_fault
    mrs     x0, sctlr_el1
    bic     x0, x0, #SCTLR_SA
    msr     sctlr_el1, x0
    isb
    sub     sp, sp, #8
    ldr     x0, [sp]
    mov     sp, x21
.endif
    pass

el0_jump:
    br      x20
el0_stack:
    sub     sp, sp, #4
el0_stack_fault:
    ldr     w0, [sp]

.bss
.balign 4096
alias_l1: .space 4096
data: .space 8192
.text
