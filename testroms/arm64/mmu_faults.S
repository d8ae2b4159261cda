// The EL1&0 translation regime, 4K granule: every fault at every level with its syndrome and address, permissions,
// PAN, hierarchical attributes, contiguous entries, TLB maintenance, ASIDs.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

// The test area: entry 1 of level 0, that is 512 GiB up. i1, i2, i3 are indexes at levels 1 to 3.
.set AREA, 0x8000000000
.macro va register, i1=0, i2=0, i3=0
    ldr     \register, =AREA + (\i1 << 30) + (\i2 << 21) + (\i3 << 12)
.endm

// put TABLE, INDEX, VALUE: a descriptor. Changes x9, x10.
.macro put table, index, value
    ldr     x9, =\table + 8 * \index
    ldr     x10, =\value
    str     x10, [x9]
.endm
.macro sync
    dsb     ish
    isb
.endm
.macro flush
    dsb     ish
    tlbi    vmalle1
    dsb     ish
    isb
.endm

// Each of these takes the address in x20; the fault's return address and FAR are checked too.
.macro faults vector, esr, instruction:vararg
    try     .Lresume\@
.Lfault\@:
    \instruction
.Lresume\@:
    check_exception \vector, \esr
    check_elr .Lfault\@
    check_far x20
.endm
.macro read_faults fsc
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + \fsc, ldr x0, [x20]
.endm
.macro write_faults fsc
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + WNR + \fsc, str x0, [x20]
.endm
// An instruction fetch: the return address is the target itself.
.macro fetch_faults fsc
    try     .Lresume\@
    blr     x20
.Lresume\@:
    check_exception VEC_SPX_SYNC, ESR_IABT_SAME + \fsc
    check_far x20
    ldr     x12, [x18, #R_ELR]
    check_same x12, x20
.endm
.macro el0_faults stub, esr
    try     .Lresume\@
    el0     \stub
.Lresume\@:
    check_exception VEC_EL0_SYNC, \esr
    check_far x20
.endm
.macro el0_works stub
    try     .Lresume\@
    el0     \stub
.Lresume\@:
    check_exception VEC_EL0_SYNC, ESR_SVC + 1
.endm
.macro reads value
    ldr     x0, [x20]
    check_eq x0, \value
.endm

main:
    bl      mmu_build
    // Page n of the pool: a marker, RET, then SVC #1.
    ldr     x9, =pool
    mov     x10, #0
    ldr     x11, =0xd65f03c0        // RET
    ldr     x12, =0xd4000021        // SVC #1
1:  add     x13, x10, #0x1000
    stp     x13, xzr, [x9]
    stp     w11, w12, [x9, #16]
    add     x9, x9, #4096
    add     x10, x10, #1
    cmp     x10, #32
    b.ne    1b
    dsb     sy
    ic      iallu
    dsb     sy
    isb

    put     table_l0, 1, area_l1 + DESC_TABLE
    put     table_l0, 3, area_l1 + DESC_BLOCK      // no blocks at level 0
    put     area_l1, 0, area_l2 + DESC_TABLE
    put     area_l1, 2, 0x40000000 + DESC_BLOCK + ATTR_NORMAL + SH_INNER            // no access flag
    put     area_l1, 3, 0x40000000 + DESC_BLOCK + NORMAL + AP_EL1_RO + PXN + UXN
    put     area_l1, 4, 0x40000000 + DESC_BLOCK + NORMAL + PXN
    put     area_l2, 0, area_l3 + DESC_TABLE
    put     area_l2, 2, 0x40400000 + DESC_BLOCK + ATTR_NORMAL + SH_INNER
    put     area_l2, 3, 0x40400000 + DESC_BLOCK + NORMAL + AP_EL1_RO + PXN + UXN
    put     area_l2, 4, area_l3 + DESC_TABLE + (1 << 62)     // APTable: read only
    put     area_l2, 5, area_l3 + DESC_TABLE + (1 << 61)     // APTable: not for EL0
    put     area_l2, 6, area_l3 + DESC_TABLE + (1 << 59)     // PXNTable
    put     area_l2, 7, area_l3 + DESC_TABLE + (1 << 60)     // UXNTable
    put     area_l3, 0, pool + 0x0000 + DESC_PAGE + NORMAL + AP_EL1_RW
    put     area_l3, 1, pool + 0x1000 + DESC_PAGE + NORMAL + AP_EL0_RW
    put     area_l3, 2, pool + 0x2000 + DESC_PAGE + NORMAL + AP_EL1_RO
    put     area_l3, 3, pool + 0x3000 + DESC_PAGE + NORMAL + AP_EL0_RO
    put     area_l3, 4, pool + 0x4000 + DESC_PAGE + NORMAL + PXN
    put     area_l3, 5, pool + 0x5000 + DESC_PAGE + NORMAL + UXN
    put     area_l3, 6, pool + 0x6000 + DESC_PAGE + ATTR_NORMAL + SH_INNER          // no access flag
    put     area_l3, 7, pool + 0x7000 + DESC_BLOCK + NORMAL                         // reserved encoding
    put     area_l3, 8, (1 << 44) + DESC_PAGE + NORMAL                              // beyond TCR_EL1.IPS
    put     area_l3, 511, pool + 0x8000 + DESC_PAGE + NORMAL                        // its neighbour is not mapped
    bl      mmu_on
    bl      translation
    bl      permission
    bl      execution
    bl      hierarchy
    bl      maintenance
    bl      spaces
    pass

translation:
    str     x30, [sp, #-16]!
    // Translation faults at levels 0 to 3, for reads, writes and fetches.
    ldr     x20, =0x10000000000     // level 0, entry 2
    read_faults FSC_TRANSLATION + 0
    write_faults FSC_TRANSLATION + 0
    fetch_faults FSC_TRANSLATION + 0
.if QEMU == 0                      // QEMU 7.2 takes it for a block
    ldr     x20, =0x18000000008
    read_faults FSC_TRANSLATION + 0
.endif
    va      x20, 1
    read_faults FSC_TRANSLATION + 1
    fetch_faults FSC_TRANSLATION + 1
    va      x20, 0, 1
    read_faults FSC_TRANSLATION + 2
    write_faults FSC_TRANSLATION + 2
    fetch_faults FSC_TRANSLATION + 2
    va      x20, 0, 0, 9
    read_faults FSC_TRANSLATION + 3
    write_faults FSC_TRANSLATION + 3
    fetch_faults FSC_TRANSLATION + 3
    va      x20, 0, 0, 7
    read_faults FSC_TRANSLATION + 3
    ldr     x20, =0x0001000000000000            // neither half
    read_faults FSC_TRANSLATION + 0
    // Access flag and address size.
    va      x20, 2
    read_faults FSC_ACCESS_FLAG + 1
    va      x20, 0, 2
    write_faults FSC_ACCESS_FLAG + 2
    va      x20, 0, 0, 6
    read_faults FSC_ACCESS_FLAG + 3
    fetch_faults FSC_ACCESS_FLAG + 3
    va      x20, 0, 0, 8
    read_faults FSC_ADDRESS_SIZE + 3
    // An access that runs into an unmapped page reports that page; DC ZVA is a write, no cache maintenance.
    va      x19, 0, 0, 511
    add     x19, x19, #4092
    va      x20, 0, 1
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + FSC_TRANSLATION + 2, ldr x0, [x19]
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + WNR + FSC_TRANSLATION + 2, str x0, [x19]
    try     1f
    dc      zva, x20
1:  check_exception VEC_SPX_SYNC, ESR_DABT_SAME + WNR + FSC_TRANSLATION + 2
    // Atomics: a write, unless a read would have faulted as well (ESR_ELx.WnR).
    va      x20, 0, 0, 2
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + WNR + FSC_PERMISSION + 3, ldadd x0, x1, [x20]
.if QEMU == 0
    va      x20, 0, 0, 9
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + FSC_TRANSLATION + 3, ldadd x0, x1, [x20]
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + FSC_TRANSLATION + 3, cas x0, x1, [x20]
.endif
    // The base register of a faulting access with writeback is unchanged.
    va      x19, 0, 0, 9
    mov     x20, x19
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + FSC_TRANSLATION + 3, ldr x0, [x19], #8
    check_same x19, x20
    ldr     x30, [sp], #16
    ret

permission:
    str     x30, [sp, #-16]!
    va      x20, 0, 0, 0
    reads   0x1000
    el0_faults el0_read, ESR_DABT_LOWER + FSC_PERMISSION + 3
    el0_faults el0_write, ESR_DABT_LOWER + WNR + FSC_PERMISSION + 3
    faults  VEC_SPX_SYNC, ESR_DABT_SAME + FSC_PERMISSION + 3, ldtr x0, [x20]
    va      x20, 0, 0, 1
    reads   0x1001
    el0_works el0_read
    el0_works el0_write
    ldr     x0, =0x1001
    str     x0, [x20]
    va      x20, 0, 0, 2
    reads   0x1002
    write_faults FSC_PERMISSION + 3
    el0_faults el0_read, ESR_DABT_LOWER + FSC_PERMISSION + 3
    va      x20, 0, 0, 3
    reads   0x1003
    write_faults FSC_PERMISSION + 3
    el0_works el0_read
    el0_faults el0_write, ESR_DABT_LOWER + WNR + FSC_PERMISSION + 3
    va      x20, 3
    write_faults FSC_PERMISSION + 1
    va      x20, 0, 3
    write_faults FSC_PERMISSION + 2
    // AT reports in PAR_EL1 instead.
    va      x20, 0, 0, 3
    at      s1e1r, x20
    isb
    mrs     x0, par_el1
    check_field x0, 0x0000fffffffff001, pool + 0x3000
    at      s1e0w, x20
    isb
    mrs     x0, par_el1
    check_field x0, 0x7f, 1 + ((FSC_PERMISSION + 3) << 1)
    // PAN: EL1 may not touch what EL0 may; LDTR still does. SPSR keeps it, entry sets it unless SCTLR_EL1.SPAN.
    va      x20, 0, 0, 1
    msr     pan, #1
    mrs     x0, pan
    check_eq x0, 1 << 22
    try     2f
1:  ldr     x0, [x20]
2:  check_exception VEC_SPX_SYNC, ESR_DABT_SAME + FSC_PERMISSION + 3
    check_spsr SPSR_EL1H + (1 << 22)
    mrs     x0, pan
    check_eq x0, 0
    msr     pan, #1
    ldtr    x0, [x20]
    check_eq x0, 0x1001
    va      x20, 0, 0, 0
    reads   0x1000
    msr     pan, #0
    mrs     x19, sctlr_el1
    bic     x0, x19, #SCTLR_SPAN
    msr     sctlr_el1, x0
    isb
    ldr     x0, =vectors_pan
    msr     vbar_el1, x0
    isb
    svc     #0
    check_eq x0, 1 << 22
    orr     x0, x19, #SCTLR_SPAN
    msr     sctlr_el1, x0
    isb
    svc     #0
    check_eq x0, 0
    ldr     x0, =vectors
    msr     vbar_el1, x0
    isb
    ldr     x30, [sp], #16
    ret

execution:
    str     x30, [sp, #-16]!
    va      x20, 0, 0, 0
    add     x20, x20, #16
    blr     x20
    va      x20, 0, 0, 1            // what EL0 may write EL1 may not execute
    add     x20, x20, #16
    fetch_faults FSC_PERMISSION + 3
    va      x20, 0, 0, 4
    add     x20, x20, #16
    fetch_faults FSC_PERMISSION + 3
    va      x20, 3
    fetch_faults FSC_PERMISSION + 1
    va      x20, 0, 3
    fetch_faults FSC_PERMISSION + 2
    va      x20, 0, 0, 5
    add     x20, x20, #16
    blr     x20
    add     x20, x20, #4
    el0_faults el0_jump, ESR_IABT_LOWER + FSC_PERMISSION + 3
    va      x20, 0, 0, 4            // PXN alone: EL0 may
    add     x20, x20, #20
    el0_works el0_jump
    va      x20, 0, 0, 9
    el0_faults el0_jump, ESR_IABT_LOWER + FSC_TRANSLATION + 3
    ldr     x30, [sp], #16
    ret

hierarchy:
    str     x30, [sp, #-16]!
    va      x20, 0, 4, 0
    reads   0x1000
    write_faults FSC_PERMISSION + 3
    va      x20, 0, 5, 1
    reads   0x1001
    el0_faults el0_read, ESR_DABT_LOWER + FSC_PERMISSION + 3
    va      x20, 0, 6, 0
    add     x20, x20, #16
    fetch_faults FSC_PERMISSION + 3
    va      x20, 0, 7, 4
    add     x20, x20, #20
    el0_faults el0_jump, ESR_IABT_LOWER + FSC_PERMISSION + 3
    // Contiguous: 16 pages in a row.
    ldr     x9, =area_l3 + 8 * 64
    ldr     x10, =pool_contiguous + DESC_PAGE + NORMAL + CONTIGUOUS
    mov     x11, #16
1:  str     x10, [x9], #8
    add     x10, x10, #4096
    subs    x11, x11, #1
    b.ne    1b
    sync
    va      x20, 0, 0, 79
    reads   0x101f
    va      x20, 0, 0, 64
    reads   0x1010
    va      x20, 0, 0, 71
    reads   0x1017
    ldr     x30, [sp], #16
    ret

// remap TLBI-OPERATION: page 32 of the area moves from pool page 8 to 9 and is gone at last.
.macro remap operation, operand:vararg
    put     area_l3, 32, pool + 0x8000 + DESC_PAGE + NORMAL
    sync
    va      x20, 0, 0, 32
    reads   0x1008
    add     x19, x20, #16
    blr     x19
    lsr     x1, x20, #12
    put     area_l3, 32, 0
    dsb     ish
    tlbi    \operation \operand
    dsb     ish
    isb
    read_faults FSC_TRANSLATION + 3
    put     area_l3, 32, pool + 0x9000 + DESC_PAGE + NORMAL + PXN
    sync                            // a fault is in no TLB: no invalidation
    reads   0x1009
    fetch_faults FSC_PERMISSION + 3
    put     area_l3, 32, 0
    dsb     ish
    tlbi    \operation \operand
    dsb     ish
    isb
.endm

maintenance:
    str     x30, [sp, #-16]!
    remap   "vae1,", x1
    remap   vmalle1is
    ldr     x30, [sp], #16
    b       maintenance2

    .ltorg
maintenance2:
    // The other operations: each makes a changed entry seen.
    str     x30, [sp, #-16]!
.macro seen operation, operand:vararg
    put     area_l3, 32, pool + 0x8000 + DESC_PAGE + NORMAL
    flush
    va      x20, 0, 0, 32
    ldr     x0, [x20]
    lsr     x1, x20, #12
    put     area_l3, 32, pool + 0xa000 + DESC_PAGE + NORMAL
    dsb     ish
    tlbi    \operation \operand
    dsb     ish
    isb
    reads   0x100a
.endm
    seen    "vaae1,", x1
    seen    "vale1,", x1
    seen    "vaale1is,", x1
    seen    "vae1is,", x1
    seen    vmalle1
    ldr     x30, [sp], #16
    ret

// space ASID, TABLE: the low half of the map. Changes x9.
.macro space asid, table
    ldr     x9, =\table + (\asid << 48)
    msr     ttbr0_el1, x9
    isb
.endm

spaces:
    str     x30, [sp, #-16]!
    // The high half, through the same tables; and walks turned off.
    ldr     x20, =pool
    ldr     x21, =0xffff000000000000
    orr     x20, x20, x21
    reads   0x1000
    mrs     x19, tcr_el1
    orr     x0, x19, #1 << 23       // EPD1
    msr     tcr_el1, x0
    isb
    tlbi    vmalle1
    dsb     ish
    isb
    read_faults FSC_TRANSLATION + 0
    msr     tcr_el1, x19
    isb
    // Tags: with TBI0 the top byte is not part of the address.
    orr     x0, x19, #1 << 37
    msr     tcr_el1, x0
    isb
    va      x20, 0, 0, 0
    ldr     x21, =0xaa00000000000000
    orr     x20, x20, x21
    reads   0x1000
    msr     tcr_el1, x19
    isb
    flush
    read_faults FSC_TRANSLATION + 0

    // Two address spaces that differ in one page that is not global. Switching back needs no invalidation.
    put     area_l3, 40, pool + 0xb000 + DESC_PAGE + NORMAL + NG
    ldr     x9, =table_l0           // the second: a copy of the first but for the test area
    ldr     x10, [x9]
    ldr     x9, =other_l0
    str     x10, [x9]
    put     other_l0, 1, other_l1 + DESC_TABLE
    put     other_l1, 0, other_l2 + DESC_TABLE
    put     other_l2, 0, other_l3 + DESC_TABLE
    put     other_l3, 40, pool + 0xc000 + DESC_PAGE + NORMAL + NG
    flush
    va      x20, 0, 0, 40
    space   1, table_l0
    reads   0x100b
    space   2, other_l0
    reads   0x100c
    space   1, table_l0
    reads   0x100b
    space   2, other_l0
    reads   0x100c
    // Invalidation for an ASID that is not the current one.
    put     area_l3, 40, pool + 0xd000 + DESC_PAGE + NORMAL + NG
    dsb     ish
    lsr     x1, x20, #12
    orr     x1, x1, #1 << 48
    tlbi    vae1, x1
    dsb     ish
    isb
    reads   0x100c
    space   1, table_l0
    reads   0x100d
    space   2, other_l0
    put     area_l3, 40, pool + 0xe000 + DESC_PAGE + NORMAL + NG
    dsb     ish
    mov     x1, #1 << 48
    tlbi    aside1, x1
    dsb     ish
    isb
    space   1, table_l0
    reads   0x100e
    ldr     x30, [sp], #16
    ret

// Run at EL0; x20 is the address. This code is execute-only there.
el0_read:
    ldr     x0, [x20]
    svc     #1
el0_write:
    str     x0, [x20]
    svc     #1
el0_jump:
    br      x20

// A handler that brings PSTATE.PAN back in x0.
take_pan:
    mrs     x0, pan
    eret
    .balign 0x800
vectors_pan:
    .space  0x200
    b       take_pan
    .balign 0x800

.bss
.balign 4096
area_l1: .space 4096
area_l2: .space 4096
area_l3: .space 4096
other_l0: .space 4096
other_l1: .space 4096
other_l2: .space 4096
other_l3: .space 4096
.balign 65536
pool: .space 0x10000
pool_contiguous: .space 0x10000
.text
