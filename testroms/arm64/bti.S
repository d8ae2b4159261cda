// FEAT_BTI: landing pads in guarded pages against every kind of branch, the exception's syndrome, ERET with PSTATE.BTYPE, and
// software steps that end between a branch and its target.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set GP, 1 << 50
.set ESR_BTI, 0x36000000
.set BTYPE_JUMP, 1
.set BTYPE_CALL, 2
.set BTYPE_OTHER, 3
.set BTYPE_SHIFT, 10
.set MDSCR_SS, 1
.set MDSCR_KDE, 1 << 13
.set SPSR_SS, 1 << 21
.set SPSR_STEP, 0x1c5 + SPSR_SS     // EL1h, A, I and F masked, D not
.set ESR_STEP_SAME, 0xcf000022      // with ISS.ISV
.set ALIAS, 0x8000000000            // the guarded view of RAM: entry 1 of level 0

// guarded REGISTER, LABEL: its address in the guarded view.
.macro guarded register, label
    ldr     \register, =\label + ALIAS
.endm

// lands LABEL, INSTRUCTION: the branch, through x16 or x5, arrives; all pads end in a return through x19.
.macro lands label, instruction:vararg
    guarded x5, \label
    mov     x16, x5
    adr     x19, .Lback\@
    \instruction
.Lback\@:
.endm

// refused LABEL, BTYPE, INSTRUCTION
.macro refused label, btype, instruction:vararg
    try     .Lresume\@
    guarded x5, \label
    mov     x16, x5
    mov     x20, x5
    \instruction
.Lresume\@:
    check_exception VEC_SPX_SYNC, ESR_BTI + \btype
    ldr     x12, [x18, #R_ELR]
    check_same x12, x20
    ldr     x12, [x18, #R_SPSR]
    check_field x12, 3 << BTYPE_SHIFT, \btype << BTYPE_SHIFT
.endm

// step_over BTYPE, INSTRUCTION
.macro step_over btype, instruction:vararg
    try     .Lstepped\@
    guarded x20, pad_nop
    mov     x5, x20
    mov     x16, x20
    adr     x0, .Lbranch\@
    msr     elr_el1, x0
    ldr     x0, =SPSR_STEP
    msr     spsr_el1, x0
    eret
.Lbranch\@:
    \instruction
.Lstepped\@:
    check_exception VEC_SPX_SYNC, ESR_STEP_SAME
    ldr     x12, [x18, #R_ELR]
    check_same x12, x20
    ldr     x12, [x18, #R_SPSR]
    check_field x12, 3 << BTYPE_SHIFT, \btype << BTYPE_SHIFT
.endm

main:
    mrs     x0, id_aa64pfr1_el1
    check_field x0, 15, 1
    bl      mmu_build
    ldr     x9, =table_l0
    ldr     x10, =alias_l1 + DESC_TABLE
    str     x10, [x9, #8]
    ldr     x9, =alias_l1
    ldr     x10, =0x40000000 + DESC_BLOCK + NORMAL + GP
    str     x10, [x9, #8]
    bl      mmu_on
    // Already the first branch into a guarded page is checked.
    refused pad_none, BTYPE_CALL, blr x5
    // BLR: c, jc and PACIASP.
    lands   pad_c, blr x5
    lands   pad_jc, blr x5
    lands   pad_pac, blr x5
    lands   pad_brk, b 1f
1:  refused pad_j, BTYPE_CALL, blr x5
    refused pad_none, BTYPE_CALL, blr x5
    refused pad_nop, BTYPE_CALL, blr x5
    // BR through X16 or X17, and any BR from a page that is not guarded: c, j, jc and PACIASP.
    lands   pad_c, br x16
    lands   pad_j, br x16
    lands   pad_jc, br x5
    lands   pad_pac, br x5
    refused pad_none, BTYPE_JUMP, br x16
    refused pad_nop, BTYPE_JUMP, br x5
    // A return lands anywhere.
    lands   pad_nop, ret x5
    // BRK comes before the check.
    try     1f
    guarded x5, pad_brk
    blr     x5
1:  check_exception VEC_SPX_SYNC, ESR_BRK + 7
    // The same from a guarded page: BR through another register wants j.
    guarded x0, in_guarded_page
    ret     x0

in_guarded_page:
    lands   pad_j, br x5
    lands   pad_jc, br x5
    lands   pad_pac, br x5
    lands   pad_c, br x16
    refused pad_c, BTYPE_OTHER, br x5
    refused pad_none, BTYPE_OTHER, br x5
    refused pad_j, BTYPE_CALL, blr x5
    // SCTLR_EL1.BT1: PACIASP is no target of BR any more.
    mrs     x0, sctlr_el1
    orr     x0, x0, #1 << 36
    msr     sctlr_el1, x0
    isb
    refused pad_pac, BTYPE_OTHER, br x5
    lands   pad_pac, br x16
    lands   pad_pac, blr x5
    // ERET with BTYPE set is checked where it goes.
    try     1f
    guarded x20, pad_nop
    msr     elr_el1, x20
    mov     x0, #SPSR_EL1H | BTYPE_CALL << BTYPE_SHIFT
    msr     spsr_el1, x0
    eret
1:  check_exception VEC_SPX_SYNC, ESR_BTI + BTYPE_CALL
    ldr     x12, [x18, #R_ELR]
    check_same x12, x20
    guarded x20, pad_c
    ldr     x19, =2f
    msr     elr_el1, x20
    mov     x0, #SPSR_EL1H | BTYPE_CALL << BTYPE_SHIFT
    msr     spsr_el1, x0
    eret
2:  // A step over the branch: BTYPE is in SPSR, the target was not looked at. The next step takes the exception.
    msr     oslar_el1, xzr
    mov     x0, #MDSCR_SS + MDSCR_KDE
    msr     mdscr_el1, x0
    isb
    step_over BTYPE_CALL, blr x5
    step_over BTYPE_JUMP, br x16
    step_over BTYPE_JUMP, br x5
    guarded x0, 3f
    ret     x0
3:  step_over BTYPE_OTHER, br x5
    step_over 0, ret x5
    // ERET from the handler to the target, with a step to make.
    try     1f
    guarded x20, pad_nop
    msr     elr_el1, x20
    ldr     x0, =SPSR_STEP + (BTYPE_CALL << BTYPE_SHIFT)
    msr     spsr_el1, x0
    eret
1:  check_exception VEC_SPX_SYNC, ESR_BTI + BTYPE_CALL
    ldr     x12, [x18, #R_ELR]
    check_same x12, x20
    ldr     x12, [x18, #R_SPSR]
    check_field x12, SPSR_SS, SPSR_SS
    pass

    .balign 16
pad_none:
    hint    #32
    ret     x19
pad_c:
    hint    #34
    ret     x19
pad_j:
    hint    #36
    ret     x19
pad_jc:
    hint    #38
    ret     x19
pad_pac:
    hint    #25
    ret     x19
pad_nop:
    nop
    ret     x19
pad_brk:
    brk     #7

.bss
.balign 4096
alias_l1: .space 4096
.text
