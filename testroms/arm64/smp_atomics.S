// Two CPUs: exclusives, LSE atomics, locks, pair compare-and-swap, ordering, events, interrupts, broadcast TLBI.
// run: --semihosting --cpus boot=2
// expect: exit=0
.include "common.inc"
.include "mmu.inc"

.set ROUNDS, 20000
.set TURNS, 1000

// both: both CPUs are here before either goes on. x28 counts the meetings. Changes x9 to x11.
.macro both
    bl      meet
.endm

main:
    bl      mmu_build
    // A page that the two see through one entry of the tables: 512 GiB up.
    ldr     x9, =table_l0
    ldr     x10, =area_l1 + DESC_TABLE
    str     x10, [x9, #8]
    ldr     x9, =area_l1
    ldr     x10, =area_l2 + DESC_TABLE
    str     x10, [x9]
    ldr     x9, =area_l2
    ldr     x10, =area_l3 + DESC_TABLE
    str     x10, [x9]
    ldr     x9, =area_l3
    ldr     x10, =page_a + DESC_PAGE + NORMAL
    str     x10, [x9]
    bl      gic_distributor_setup
    dsb     sy
    cpu_on  1, second
    check_eq x0, 0
    mov     x28, #0
    bl      mmu_on
    bl      work

    // What both did together.
    ldr     x20, =counters
    ldr     x0, [x20]
    check_eq x0, 2 * ROUNDS         // LDXR, STXR
    ldr     x0, [x20, #64]
    check_eq x0, 2 * ROUNDS         // LDAXR, STLXR, 32 bits, upper half untouched
    ldr     x0, [x20, #128]
    check_eq x0, 2 * ROUNDS         // LDADD
    ldr     x0, [x20, #192]
    check_eq x0, 2 * ROUNDS         // under the CAS lock
    ldr     x0, [x20, #256]
    check_eq x0, 2 * ROUNDS         // under the SWP lock
    ldp     x0, x1, [x20, #320]
    check_eq x0, 2 * ROUNDS         // CASP
    check_eq x1, -2 * ROUNDS
    ldp     x0, x1, [x20, #384]
    check_eq x0, 2 * ROUNDS         // LDXP, STXP
    check_eq x1, -2 * ROUNDS
    ldr     x0, [x20, #448]
    check_eq x0, 2 * ROUNDS         // bytes by LDADDB: carries stop at the byte
    ldr     x0, [x20, #512]
    check_eq x0, 3                  // LDSET of each CPU's bit
    ldr     x20, =errors
    ldr     x0, [x20]
    check_eq x0, 0                  // messages that came before their data
.if QEMU == 0                       // QEMU 7.2 has no barrier between STLR and a later LDAR
    ldr     x0, [x20, #8]
    check_eq x0, 0                  // both read the old value in store buffering
.endif
    ldr     x0, [x20, #16]
    check_eq x0, 0                  // stale translations
    ldr     x0, [x20, #24]
    check_eq x0, 8                  // interrupts that came to the second CPU
    pass

second:
    mov     x28, #0
    bl      cpu_setup
    bl      mmu_on
    bl      work
1:  wfi
    b       1b

meet:
    add     x28, x28, #2
    ldr     x9, =meetings
    mov     x10, #1
    ldaddal x10, x11, [x9]
1:  ldar    x11, [x9]
    cmp     x11, x28
    b.lo    1b
    ret

// The work of each. x19 = counters, x25 = rounds.
work:
    stp     x29, x30, [sp, #-16]!
    ldr     x19, =counters
    both
    ldr     x25, =ROUNDS
1:  ldxr    x0, [x19]
    add     x0, x0, #1
    stxr    w1, x0, [x19]
    cbnz    w1, 1b
    subs    x25, x25, #1
    b.ne    1b
    ldr     x25, =ROUNDS
    add     x20, x19, #64
1:  ldaxr   w0, [x20]
    add     w0, w0, #1
    stlxr   w1, w0, [x20]
    cbnz    w1, 1b
    subs    x25, x25, #1
    b.ne    1b
    ldr     x25, =ROUNDS
    add     x20, x19, #128
    mov     x0, #1
1:  ldadd   x0, x1, [x20]
    subs    x25, x25, #1
    b.ne    1b

    // A lock by CAS around a plain counter, then one by SWP.
    ldr     x25, =ROUNDS
    ldr     x20, =locks
1:  mov     x0, #0
    mov     x1, #1
    casa    x0, x1, [x20]
    cbnz    x0, 1b
    ldr     x2, [x19, #192]
    add     x2, x2, #1
    str     x2, [x19, #192]
    stlr    xzr, [x20]
    subs    x25, x25, #1
    b.ne    1b
    ldr     x25, =ROUNDS
    add     x20, x20, #64
1:  mov     w0, #1
    swpa    w0, w1, [x20]
    cbnz    w1, 1b
    ldr     x2, [x19, #256]
    add     x2, x2, #1
    str     x2, [x19, #256]
    stlr    wzr, [x20]
    subs    x25, x25, #1
    b.ne    1b

    // Pairs that must stay each other's negative.
    ldr     x25, =ROUNDS
    add     x20, x19, #320
1:  ldp     x0, x1, [x20]
2:  add     x2, x0, #1
    sub     x3, x1, #1
    mov     x4, x0
    mov     x5, x1
    caspal  x0, x1, x2, x3, [x20]
    cmp     x0, x4
    ccmp    x1, x5, #0, eq
    b.ne    2b
    subs    x25, x25, #1
    b.ne    1b
    ldr     x25, =ROUNDS
    add     x20, x19, #384
1:  ldaxp   x0, x1, [x20]
    add     x0, x0, #1
    sub     x1, x1, #1
    stlxp   w2, x0, x1, [x20]
    cbnz    w2, 1b
    subs    x25, x25, #1
    b.ne    1b
    // A number by bytes: add to the low one, carry by hand where it wrapped.
    ldr     x25, =ROUNDS
    add     x20, x19, #448
    mov     w0, #1
1:  mov     x3, x20
2:  ldaddalb w0, w1, [x3]
    add     x3, x3, #1
    cmp     w1, #0xff
    b.eq    2b
    subs    x25, x25, #1
    b.ne    1b
    ldr     x0, [x18, #R_CPU]
    mov     x1, #1
    lsl     x1, x1, x0
    add     x20, x19, #512
    ldset   x1, x2, [x20]
    both

    ldr     x0, [x18, #R_CPU]
    cbnz    x0, work_second

    // Messages: data, then a flag with release.
    ldr     x20, =message
    mov     x25, #1
1:  str     x25, [x20, #64]
    str     x25, [x20, #128]
    stlr    x25, [x20]
2:  ldar    x0, [x20, #0]
    cbnz    x0, 2b
    add     x25, x25, #1
    cmp     x25, #TURNS
    b.ls    1b
    both

    // Store buffering with acquire and release: at least one CPU sees the other's store.
    mov     x25, #TURNS
1:  ldr     x20, =message
    stp     xzr, xzr, [x20]
    str     xzr, [x20, #64]
    both
    mov     x0, #1
    stlr    x0, [x20]
    add     x21, x20, #64
    ldar    x22, [x21]
    both
    ldr     x0, [x20, #8]           // what the other saw
    orr     x0, x0, x22
    cbnz    x0, 2f
    ldr     x1, =errors + 8
    mov     x2, #1
    ldadd   x2, x3, [x1]
2:  both
    subs    x25, x25, #1
    b.ne    1b

    // A page that moves under the other CPU: after TLBI and DSB it must read the new place.
    ldr     x20, =message
    ldr     x21, =area_l3
    ldr     x22, =page_a + DESC_PAGE + NORMAL
    mov     x25, #TURNS / 4
1:  eor     x22, x22, #0x1000
    str     xzr, [x21]
    dsb     ish
    mov     x0, #0x8000000
    tlbi    vae1is, x0
    dsb     ish
    str     x22, [x21]
    dsb     ish
    isb
    both
    both
    subs    x25, x25, #1
    b.ne    1b

    // Events and interrupts.
    both
    mov     x25, #8
1:  mov     x0, #2                  // target list: CPU 1
    movk    x0, #0x0900, lsl #16    // SGI 9
    dsb     ish
    msr     S3_0_C12_C11_5, x0
    isb
    ldr     x20, =errors + 24
    mov     x1, #9
    sub     x1, x1, x25
2:  wfe                             // the other CPU sends an event after each
    ldar    x0, [x20]
    cmp     x0, x1
    b.lo    2b
    subs    x25, x25, #1
    b.ne    1b
    both
    ldp     x29, x30, [sp], #16
    ret

work_second:
    ldr     x20, =message
    mov     x25, #1
1:  ldar    x0, [x20]
    cbz     x0, 1b
    ldr     x1, [x20, #64]
    ldr     x2, [x20, #128]
    cmp     x0, x25
    ccmp    x1, x25, #0, eq
    ccmp    x2, x25, #0, eq
    b.eq    2f
    ldr     x3, =errors
    mov     x4, #1
    ldadd   x4, x5, [x3]
2:  stlr    xzr, [x20]
    add     x25, x25, #1
    cmp     x25, #TURNS
    b.ls    1b
    both

    mov     x25, #TURNS
1:  ldr     x20, =message
    both
    mov     x0, #1
    add     x21, x20, #64
    stlr    x0, [x21]
    ldar    x22, [x20]
    str     x22, [x20, #8]
    both
    both
    subs    x25, x25, #1
    b.ne    1b

    ldr     x20, =0x8000000000
    ldr     x1, =page_a
    mov     x0, #0
    str     x0, [x1]
    ldr     x2, =page_b
    mov     x0, #1
    str     x0, [x2]
    mov     x22, #0
    mov     x25, #TURNS / 4
1:  both
    eor     x22, x22, #1
    ldr     x0, [x20]
    cmp     x0, x22
    b.eq    2f
    ldr     x3, =errors + 16
    mov     x4, #1
    ldadd   x4, x5, [x3]
2:  both
    subs    x25, x25, #1
    b.ne    1b

    bl      gic_cpu_setup
    mov     w0, #1 << 9
    add     x1, x23, #GICR_SGI
    str     w0, [x1, #GICD_ISENABLER]
    ldr     x0, =count_irq
    str     x0, [x18, #R_IRQ]
    both
    ldr     x20, =errors + 24
    // Masked from the look to the WFI, which a pending interrupt ends: none can slip in between.
1:  ldar    x0, [x20]
    cmp     x0, #8
    b.hs    2f
    wfi
    msr     daifclr, #2
    isb
    msr     daifset, #2
    b       1b
2:
    both
    ldp     x29, x30, [sp], #16
    ret

// Counts an interrupt and tells the other CPU. Flags are kept by SPSR.
count_irq:
    mrs     x16, S3_0_C12_C12_0
    msr     S3_0_C12_C12_1, x16
    ldr     x16, =errors + 24
    mov     x17, #1
    stadd   x17, [x16]
    dsb     ish
    sev
    eret

.bss
.balign 4096
area_l1: .space 4096
area_l2: .space 4096
area_l3: .space 4096
.balign 8192
page_a: .space 4096
page_b: .space 4096
counters: .space 1024
locks: .space 128
message: .space 256
meetings: .space 64
errors: .space 64
.text
