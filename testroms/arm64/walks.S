// Random translation tables: what AT answers for every kind of access to 512 pages of each, as one checksum, which is QEMU's too. Tables, TCR_EL1 and
// PSTATE.PAN follow from the round's number; the granule changes from round to round.
// run: --semihosting
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set ROUNDS, 600
.set TCR_T1SZ, 0x3f << 16
.set TCR_TG1, 3 << 30
.set TCR_HPD1, 1 << 42
.set TCR_E0PD1, 1 << 56
.set MAIRS, 0x0c0804bb4f44ff00

// Of PAR_EL1 without a fault: not NS, RES1 and implementation defined bits; nor SH, which QEMU 7.2 reports of Device memory as the descriptor has it.
.set PAR_KEPT, 0xff00fffffffff07f
.set CHECKSUM, 0x041fdbe2671604c2

// xorshift64 in x26. Result in x26.
.macro random
    eor     x26, x26, x26, lsl #13
    eor     x26, x26, x26, lsr #7
    eor     x26, x26, x26, lsl #17
.endm

main:
    bl      mmu_build
    bl      mmu_on
    ldr     x9, =MAIRS
    msr     mair_el1, x9
    ldr     x9, =area_l1
    msr     ttbr1_el1, x9
    mov     x27, #0                 // checksum
    mov     x28, #1                 // round
round:
    ldr     x26, =0x9e3779b97f4a7c15
    mul     x26, x26, x28
    mov     x9, #3
    udiv    x10, x28, x9
    msub    x10, x10, x9, x28
    ldr     x19, =granules
    add     x19, x19, x10, lsl #5
    ldp     w6, w7, [x19, #8]
    ldr     w8, [x19, #16]
    ldr     x5, [x19, #24]
    // The two upper levels: tables, blocks or nothing; the last: pages. Attributes at random, Access flag and validity likely.
    ldr     x20, =area_l1
    ldr     x21, =area_l2
    mov     x4, x6
    bl      fill
    ldr     x20, =area_l2
    ldr     x21, =area_l3
    mov     x4, x7
    bl      fill
    ldr     x20, =area_l3
    mov     x21, #0
    mov     x4, x8
    bl      fill
    // Control bits of the round.
    ldr     x9, =TCR & ~(TCR_T1SZ | TCR_TG1)
    ldr     x10, [x19]
    orr     x9, x9, x10
    ldr     x10, =TCR_HPD1
    tst     x28, #1
    csel    x10, x10, xzr, ne
    orr     x9, x9, x10
    ldr     x10, =TCR_E0PD1
    tst     x28, #2
    csel    x10, x10, xzr, ne
    orr     x9, x9, x10
    msr     tcr_el1, x9
    isb
    dsb     ish
    tlbi    vmalle1
    dsb     ish
    isb
    msr     pan, #0
    tbz     x28, #2, 1f
    msr     pan, #1
1:  mov     x23, #0
2:  // i1, i2, i3 of three bits each.
    ubfx    x9, x23, #6, #3
    ubfx    x10, x23, #3, #3
    ubfx    x11, x23, #0, #3
    lsl     x9, x9, x6
    lsl     x10, x10, x7
    lsl     x11, x11, x8
    add     x20, x5, x9
    add     x10, x10, x11
    add     x20, x20, x10
    .irp operation, s1e1r, s1e1w, s1e0r, s1e0w
    at      \operation, x20
    bl      take
    .endr
    .arch armv8.2-a
    at      s1e1rp, x20
    bl      take
    at      s1e1wp, x20
    bl      take
    .arch armv8.5-a
    add     x23, x23, #1
    cmp     x23, #512
    b.ne    2b
    add     x28, x28, #1
    cmp     x28, #ROUNDS
    b.ls    round
    msr     pan, #0
    check_eq x27, CHECKSUM
    pass

// PAR_EL1 joins the checksum. Of a fault the status counts.
take:
    isb
    mrs     x0, par_el1
    ldr     x1, =PAR_KEPT
    tst     x0, #1
    mov     x2, #0x7f
    csel    x1, x2, x1, ne
    and     x0, x0, x1
    ror     x27, x27, #23
    eor     x27, x27, x0
    ldr     x1, =0x2545f4914f6cdd1d
    mul     x27, x27, x1
    ret

// Eight entries at x20: x21 is the table that table entries name, or 0 at level 3; x4 the lowest address bit of a leaf.
fill:
    mov     x24, #8
    mov     x22, #-1
    lsl     x22, x22, x4
    and     x22, x22, #0xfffffffff
1:  random
    ldr     x9, =0x0060000000000fdc                 // UXN, PXN, nG, AF, SH, AP, AttrIndx: any value
    and     x10, x26, x9
    orr     x10, x10, #1
    random
    ubfx    x11, x26, #0, #5
    cbz     x11, 4f                 // invalid
    ubfx    x11, x26, #5, #3
    cbz     x11, 2f                 // Access flag as it came
    orr     x10, x10, #AF
2:  random
    and     x12, x26, x22
    ubfx    x11, x26, #40, #5
    cbnz    x11, 3f
    orr     x12, x12, #1 << 44      // beyond TCR_EL1.IPS
3:  cbz     x21, 5f
    cmp     x4, #36                 // no block of this size: QEMU 7.2 would take it for one
    b.hs    8f
    ubfx    x11, x26, #45, #1
    cbz     x11, 6f
8:  // A table, with attributes for what is below.
    random
    ldr     x9, =0x7800000000000000
    and     x10, x26, x9
    lsr     x11, x26, #8
    and     x10, x10, x11           // each bit in one of four
    add     x10, x10, x21
    orr     x10, x10, #DESC_TABLE
    b       7f
4:  mov     x10, xzr
    b       7f
5:  orr     x10, x10, #2            // a page
6:  orr     x10, x10, x12
7:  str     x10, [x20], #8
    subs    x24, x24, #1
    b.ne    1b
    ret

// TCR_EL1.TG1 and T1SZ for three levels, lowest bits of the levels' indexes, lowest address.
.data
.balign 32
granules:
    .quad   2 << 30 | 25 << 16
    .word   30, 21, 12, 0
    .quad   -1 << 39
    .quad   1 << 30 | 17 << 16
    .word   36, 25, 14, 0
    .quad   -1 << 47
    .quad   3 << 30 | 16 << 16
    .word   42, 29, 16, 0
    .quad   -1 << 48

.bss
.balign 65536
area_l1: .space 65536
area_l2: .space 65536
area_l3: .space 65536
.text
