// 52-bit virtual and physical addresses with each granule: 4K and 16K with TCR_EL1.DS (FEAT_LPA2), 64K (FEAT_LVA, FEAT_LPA).
// run: --semihosting
// expect: exit=0
.arch armv8.5-a
.include "common.inc"
.include "mmu.inc"

.set TCR_DS, 1 << 59
.set TCR_EPD1, 1 << 23
.set TCR_COMMON, 12 | 1 << 8 | 1 << 10 | 3 << 12 | 16 << 16 | TCR_EPD1 | 2 << 30
.set IPS_48, 5 << 32
.set IPS_52, 6 << 32
.set TG_4K, 0 << 14
.set TG_64K, 1 << 14
.set TG_16K, 2 << 14

// put TABLE, INDEX, VALUE: a descriptor. Changes x9, x10.
.macro put table, index, value:vararg
    ldr     x9, =\table + 8 * (\index)
    ldr     x10, =\value
    str     x10, [x9]
.endm
// put_link TABLE, INDEX, NEXT: a table descriptor.
.macro put_link table, index, next
    ldr     x9, =\table + 8 * (\index)
    ldr     x10, =\next
    orr     x10, x10, #DESC_TABLE
    str     x10, [x9]
.endm

// regime TABLE, TCR: the MMU off, the tables changed, and on again. Changes x9.
.macro regime table, tcr:vararg
    dsb     sy
    mrs     x9, sctlr_el1
    bic     x9, x9, #SCTLR_M
    msr     sctlr_el1, x9
    isb
    ldr     x9, =MAIR
    msr     mair_el1, x9
    ldr     x9, =\tcr
    msr     tcr_el1, x9
    ldr     x9, =\table
    msr     ttbr0_el1, x9
    isb
    tlbi    vmalle1
    dsb     sy
    isb
    mrs     x9, sctlr_el1
    orr     x9, x9, #SCTLR_M
    orr     x9, x9, #SCTLR_C
    orr     x9, x9, #SCTLR_I
    bic     x9, x9, #SCTLR_A
    msr     sctlr_el1, x9
    isb
.endm

// read_faults FSC: of x20.
.macro read_faults fsc
    try     .Lresume\@
    ldr     x0, [x20]
.Lresume\@:
    check_exception VEC_SPX_SYNC, ESR_DABT_SAME + \fsc
    check_far x20
.endm

// reads ADDRESS: the marker is there.
.macro reads address:vararg
    ldr     x20, =marker
    ldr     x0, =\address
    add     x20, x20, x0
    ldr     x0, [x20]
    check_eq x0, 0x1234567890abcdef
.endm

// translates ADDRESS, PHYSICAL: what AT says.
.macro translates address, physical
    ldr     x20, =\address
    at      s1e1r, x20
    isb
    mrs     x0, par_el1
    check_field x0, 0x000ffffffffff001, \physical
.endm

main:
    bl      granule_4k
    bl      granule_16k
    bl      granule_64k
    pass

granule_4k:
    str     x30, [sp, #-16]!
    // Levels -1, 0, 1; a block of 512 GiB at level 0, five times 256 TiB up; a page.
    put_link table_a, 0, table_b
    put_link table_b, 0, table_c
    put     table_c, 1, 0x40000000 + DESC_BLOCK + ATTR_NORMAL + AF
    put_link table_a, 5, table_d
    put     table_d, 3, DESC_BLOCK + ATTR_NORMAL + AF
    put_link table_c, 2, table_e
    put_link table_e, 0, table_f
    put     table_f, 7, 0x0001234567890000 + (2 << 8) + DESC_PAGE + ATTR_NORMAL + AF
    regime  table_a, TCR_COMMON + TG_4K + IPS_52 + TCR_DS
    reads   0
    reads   0x5018000000000
    // 51:50 of the output are in bits 9:8 of the descriptor.
    translates 0x80007000, 0x0009234567890000
    ldr     x20, =0x6000000000000           // level -1
    read_faults 0x2b
    ldr     x20, =0x5000000000000           // level 0
    read_faults FSC_TRANSLATION + 0
    ldr     x20, =0x10000040000000          // bit 52
    read_faults FSC_TRANSLATION + 0
    ldr     x20, =0x80006000
    read_faults FSC_TRANSLATION + 3
    // No blocks at level -1.
    put     table_a, 7, DESC_BLOCK + ATTR_NORMAL + AF
    dsb     sy
    isb
    ldr     x20, =0x7000000000000
.if QEMU == 0                              // QEMU 7.2 takes it for one
    read_faults 0x2b
.endif
    regime  table_a, TCR_COMMON + TG_4K + IPS_48 + TCR_DS
    ldr     x20, =0x80007000
    read_faults FSC_ADDRESS_SIZE + 3
    ldr     x30, [sp], #16
    ret

granule_16k:
    str     x30, [sp, #-16]!
    bl      clear_tables
    // Levels 0 to 3; a block of 64 GiB at level 1.
    put_link table_a, 0, table_b
    put     table_b, 0, DESC_BLOCK + ATTR_NORMAL + AF
    put_link table_a, 9, table_c
    put     table_c, 2, DESC_BLOCK + ATTR_NORMAL + AF
    put_link table_c, 3, table_d
    put_link table_d, 0, table_e
    put     table_e, 1, 0x0001234567890000 + (2 << 8) + DESC_PAGE + ATTR_NORMAL + AF
    regime  table_a, TCR_COMMON + TG_16K + IPS_52 + TCR_DS
    reads   0
    reads   0x4802000000000
    translates 0x4803000004000, 0x0009234567890000
    ldr     x20, =0x6000000000000           // level 0
    read_faults FSC_TRANSLATION + 0
    ldr     x20, =0x4800000000000           // level 1
    read_faults FSC_TRANSLATION + 1
    ldr     x20, =0x4803002000000           // level 2
    read_faults FSC_TRANSLATION + 2
    ldr     x20, =0x4803000000000           // level 3
    read_faults FSC_TRANSLATION + 3
    regime  table_a, TCR_COMMON + TG_16K + IPS_48 + TCR_DS
    ldr     x20, =0x4803000004000
    read_faults FSC_ADDRESS_SIZE + 3
    ldr     x30, [sp], #16
    ret

granule_64k:
    str     x30, [sp, #-16]!
    bl      clear_tables
    // Levels 1 to 3; a block of 512 MiB at level 2 and one of 4 TiB at level 1.
    put_link table_a, 0, table_b
    put     table_b, 2, 0x40000000 + DESC_BLOCK + ATTR_NORMAL + SH_INNER + AF
    put     table_a, 1000, DESC_BLOCK + ATTR_NORMAL + SH_INNER + AF
    put_link table_a, 5, table_c
    put_link table_c, 0, table_d
    put     table_d, 1, 0x0000234567890000 + (9 << 12) + DESC_PAGE + ATTR_NORMAL + SH_INNER + AF
    regime  table_a, TCR_COMMON + TG_64K + IPS_52
    reads   0
    reads   0xfa00000000000
    // 51:48 of the output are in bits 15:12 of the descriptor.
    translates 0x140000010000, 0x0009234567890000
    ldr     x20, =0x6000000000000           // level 1
    read_faults FSC_TRANSLATION + 1
    ldr     x20, =0x140020000000            // level 2
    read_faults FSC_TRANSLATION + 2
    ldr     x20, =0x140000000000            // level 3
    read_faults FSC_TRANSLATION + 3
    regime  table_a, TCR_COMMON + TG_64K + IPS_48
.if QEMU == 0                              // QEMU 7.2 looks at bits 15:12 only with a 52-bit output range
    ldr     x20, =0x140000010000
    read_faults FSC_ADDRESS_SIZE + 3
.endif
    ldr     x30, [sp], #16
    ret

// The MMU is turned off first: these tables are the ones in use. Changes x9, x10.
clear_tables:
    mrs     x9, sctlr_el1
    bic     x9, x9, #SCTLR_M
    msr     sctlr_el1, x9
    isb
    ldr     x9, =tables
    ldr     x10, =tables_end
1:  stp     xzr, xzr, [x9], #16
    cmp     x9, x10
    b.lo    1b
    ret

.data
.balign 16
marker: .quad 0x1234567890abcdef, 0

.bss
.balign 65536
tables:
table_a: .space 65536
table_b: .space 65536
table_c: .space 65536
table_d: .space 65536
table_e: .space 65536
table_f: .space 65536
tables_end:
.text
