// Hardware management of the Access flag and of dirty state: what sets them, what does not, and what the descriptor looks like afterwards.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set TCR_HA, 1 << 39
.set TCR_HD, 1 << 40
.set DBM, 1 << 51
.set READ_ONLY, 2 << 6
.set OLD, ATTR_NORMAL | SH_INNER                    // no Access flag
.set CLEAN, NORMAL | DBM | READ_ONLY                // writable-clean
.set AREA, 0x8000000000             // entry 1 of level 0
.set PAGES, 28

.macro va register, i3
    ldr     \register, =AREA + (\i3 << 12)
.endm
.macro put index, value
    ldr     x9, =area_l3 + 8 * \index
    ldr     x10, =\value
    str     x10, [x9]
.endm
// is INDEX, VALUE: the descriptor now.
.macro is index, value
    ldr     x9, =area_l3 + 8 * \index
    ldr     x12, [x9]
    check_eq x12, \value
.endm
.macro flush
    dsb     ish
    tlbi    vmalle1
    dsb     ish
    isb
.endm
// tcr BITS: beside those of mmu.inc.
.macro tcr bits
    ldr     x9, =TCR | \bits
    msr     tcr_el1, x9
    isb
    flush
.endm
.macro faults esr, instruction:vararg
    try     .Lresume\@
    \instruction
.Lresume\@:
    check_exception VEC_SPX_SYNC, \esr
    check_far x20
.endm
// dirties INDEX, INSTRUCTION: its page was clean, and is dirty after it. x20 is its address.
.macro dirties index, instruction:vararg
    va      x20, \index
    \instruction
    is      \index, pool + DESC_PAGE + NORMAL + DBM
.endm
.macro leaves_clean index, instruction:vararg
    va      x20, \index
    \instruction
    is      \index, pool + DESC_PAGE + CLEAN
.endm

main:
    bl      mmu_build
    ldr     x9, =table_l0
    ldr     x10, =area_l1 + DESC_TABLE
    str     x10, [x9, #8]
    ldr     x9, =area_l1
    ldr     x10, =area_l2 + DESC_TABLE
    str     x10, [x9]
    ldr     x9, =area_l2
    ldr     x10, =area_l3 + DESC_TABLE
    str     x10, [x9]
    ldr     x10, =area_l3 + DESC_TABLE + (1 << 62)  // APTable: read only
    str     x10, [x9, #8]
    ldr     x10, =0x40400000 + DESC_BLOCK + OLD + DBM + READ_ONLY + PXN + UXN
    str     x10, [x9, #16]
    ldr     x9, =pool
    ldr     x10, =0xd65f03c0        // RET
    str     x10, [x9]
    dsb     sy
    ic      iallu
    bl      mmu_on

    // HA clear: the flag faults. HD without HA is no HD.
    put     0, pool + DESC_PAGE + OLD
    put     1, pool + DESC_PAGE + CLEAN
    tcr     TCR_HD
    va      x20, 0
    faults  ESR_DABT_SAME + FSC_ACCESS_FLAG + 3, ldr x0, [x20]
    is      0, pool + DESC_PAGE + OLD
    va      x20, 1
    faults  ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, str x0, [x20]
    is      1, pool + DESC_PAGE + CLEAN

    // HA alone: accesses of all kinds set the flag; DBM means nothing.
    put     2, pool + DESC_PAGE + OLD
    put     3, pool + DESC_PAGE + OLD
    put     4, pool + DESC_PAGE + OLD + READ_ONLY
    put     5, pool + DESC_PAGE + OLD + READ_ONLY + DBM
    tcr     TCR_HA
    va      x20, 0
    ldr     x0, [x20]
    is      0, pool + DESC_PAGE + NORMAL
    va      x20, 2
    str     x0, [x20, #64]
    is      2, pool + DESC_PAGE + NORMAL
    va      x20, 3
    blr     x20
    is      3, pool + DESC_PAGE + NORMAL
    va      x20, 1
    faults  ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, str x0, [x20]
    is      1, pool + DESC_PAGE + CLEAN
    va      x20, 5
    faults  ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, str x0, [x20]
    ldr     x0, [x20]
    is      5, pool + DESC_PAGE + CLEAN

    // HA and HD. Reads, fetches and maintenance leave a page clean; writes of all kinds make it dirty, at once and once only.
    .set index, 6
    .rept   PAGES - 6
    put     index, pool + DESC_PAGE + CLEAN
    .set index, index + 1
    .endr
    tcr     TCR_HA + TCR_HD
    leaves_clean 6, ldr x0, [x20]
    leaves_clean 6, blr x20
    leaves_clean 6, prfm pstl1keep, [x20]
    leaves_clean 6, ldxr x0, [x20]
    leaves_clean 6, dc cvac, x20
    leaves_clean 6, dc ivac, x20
.if QEMU == 0                       // QEMU 7.2 marks the page
    leaves_clean 6, at s1e1w, x20
    isb
    mrs     x0, par_el1
    check_field x0, 0x0000fffffffff001, pool
.endif
    dirties 6, str xzr, [x20, #64]
    dirties 7, strb wzr, [x20, #64]
    dirties 8, stp xzr, xzr, [x20, #64]
    dirties 9, stp q0, q1, [x20, #64]
    dirties 10, st1 {v0.16b - v3.16b}, [x20]
    dirties 11, ldadd xzr, x0, [x20]
    dirties 12, swp xzr, x0, [x20]
    dirties 13, stlr xzr, [x20]
    va      x20, 14
    ldxr    x0, [x20]
    dirties 14, stxr w1, x0, [x20]
    dirties 15, dc zva, x20
    // Old and clean: one write does both. A read only page without DBM stays one.
    put     17, pool + DESC_PAGE + OLD + READ_ONLY + DBM
    flush
    dirties 17, str xzr, [x20, #64]
    va      x20, 4
    ldr     x0, [x20]
    is      4, pool + DESC_PAGE + NORMAL + READ_ONLY
    faults  ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, str x0, [x20]
    is      4, pool + DESC_PAGE + NORMAL + READ_ONLY
    // Under a table that is read only, a write faults and marks nothing.
    ldr     x20, =AREA + 0x200000 + (18 << 12)
    faults  ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, str x0, [x20]
    is      18, pool + DESC_PAGE + CLEAN
    // A block; software makes the page clean again.
    ldr     x20, =AREA + 0x400000
    ldr     x0, [x20]
    ldr     x9, =area_l2
    ldr     x12, [x9, #16]
    check_eq x12, 0x40400000 + DESC_BLOCK + CLEAN + PXN + UXN
    ldr     x20, =AREA + 0x400000 + scratch - 0x40400000
    str     x0, [x20]
    ldr     x9, =area_l2
    ldr     x12, [x9, #16]
    check_eq x12, 0x40400000 + DESC_BLOCK + NORMAL + DBM + PXN + UXN
    put     19, pool + DESC_PAGE + CLEAN
    mov     x21, #3
again:
    put     19, pool + DESC_PAGE + CLEAN
    flush
    mov     x22, #2000
    va      x20, 19
1:  str     x22, [x20, #64]
    subs    x22, x22, #1
    b.ne    1b
    is      19, pool + DESC_PAGE + NORMAL + DBM
    subs    x21, x21, #1
    b.ne    again
    // EL0: not a page of EL1, which stays clean; its own.
    put     20, pool + DESC_PAGE + CLEAN
    put     21, pool + DESC_PAGE + CLEAN + AP_EL0_RW
    flush
    va      x20, 20
    try     2f
    el0     el0_write
2:  check_exception VEC_EL0_SYNC, ESR_DABT_LOWER + WNR + FSC_PERMISSION + 3
    is      20, pool + DESC_PAGE + CLEAN
    va      x20, 21
    try     3f
    el0     el0_write
3:  check_exception VEC_EL0_SYNC, ESR_SVC + 1
    is      21, pool + DESC_PAGE + NORMAL + DBM + AP_EL0_RW
    pass

el0_write:
    str     xzr, [x20, #64]
    svc     #1

.bss
.balign 4096
area_l1: .space 4096
area_l2: .space 4096
area_l3: .space 4096
pool: .space 4096
scratch: .space 4096
.text
