// Runs random A64 test cases under a user-mode emulator: reads batches on stdin, writes the resulting states on stdout.
//
// A batch, little endian:
//   u32 magic, u32 codes, u32 pool bytes, u32 bytes that follow (pool included)
//   pool: initial memory contents, shared by the cases
//   for each code: u32 words, u32 states, u32 flags, u32 slot; the words, padded to 8 bytes; for each state: STATE bytes, u64 pool offset
// The answer, for each state: STATE bytes, u64 outcome (0: reached the exit page, else a signal number), u64 hash of the window,
//   and the window itself when the code has FLAG_RETURN_MEMORY.
// The layout is OracleLayout and OracleState of tests/Emu.Cpu.Arm64.Tests/Oracle. No libc: TPIDR_EL0 carries X0 into and out of a case.

        .arch   armv8.2-a
        .equ    MAGIC, 0x31434F45
        .equ    SCRATCH, 0x40000000
        .equ    SCRATCH_SIZE, 0x2000
        .equ    WINDOW, 0x40000E00
        .equ    WINDOW_SIZE, 1024
        .equ    CODE, 0x40010000
        .equ    CODE_SIZE, 0x40000
        .equ    EXIT, 0x40060000
        .equ    SLOT_SIZE, 640
        .equ    FLAG_MEMORY, 1
        .equ    FLAG_RETURN_MEMORY, 2
        .equ    STATE_SP, 248
        .equ    STATE_NZCV, 256
        .equ    STATE_FPCR, 264
        .equ    STATE_FPSR, 272
        .equ    STATE_PC, 280
        .equ    STATE_V, 288
        .equ    STATE, 800
        .equ    OUTCOME, 800
        .equ    HASH, 808
        .equ    RECORD, 816

        // The kernel's arm64 signal frame.
        .equ    UC_REGS, 184
        .equ    UC_SP, 432
        .equ    UC_PC, 440
        .equ    UC_PSTATE, 448
        .equ    UC_FPSR, 472
        .equ    UC_FPCR, 476
        .equ    UC_V, 480

        .equ    SYS_READ, 63
        .equ    SYS_WRITE, 64
        .equ    SYS_EXIT_GROUP, 94
        .equ    SYS_SIGALTSTACK, 132
        .equ    SYS_RT_SIGACTION, 134
        .equ    SYS_MMAP, 222

        .text
        .global _start
_start:
        ldr     x0, =SCRATCH
        mov     x1, #SCRATCH_SIZE
        bl      map
        ldr     x0, =CODE
        mov     x1, #CODE_SIZE
        bl      map
        ldr     x0, =EXIT
        mov     x1, #4096
        bl      map

        // The exit stub goes to its page.
        ldr     x0, =EXIT
        ldr     x1, =exit_stub
        ldr     x2, =exit_stub_end
1:      ldr     w3, [x1], #4
        str     w3, [x0], #4
        cmp     x1, x2
        b.lo    1b
        ldr     x0, =EXIT
        mov     x1, #64
        bl      sync_code

        ldr     x0, =alternate_stack
        mov     x1, #0
        mov     x8, #SYS_SIGALTSTACK
        svc     #0
        mov     x0, #4                  // SIGILL
        bl      catch
        mov     x0, #5                  // SIGTRAP
        bl      catch
        mov     x0, #7                  // SIGBUS
        bl      catch
        mov     x0, #8                  // SIGFPE
        bl      catch
        mov     x0, #11                 // SIGSEGV
        bl      catch

next_batch:
        ldr     x19, =header
        mov     x0, x19
        mov     x1, #16
        bl      read_all
        ldp     w0, w21, [x19]          // x21: codes
        ldp     w22, w23, [x19, #8]     // x22: pool bytes
        ldr     w1, =MAGIC
        cmp     w0, w1
        b.ne    fail
        ldr     x19, =input             // x19: pool
        mov     x0, x19
        mov     x1, x23
        bl      read_all

        // Pass 1: the codes go to their slots, each behind an instruction that takes X0 from TPIDR_EL0.
        add     x20, x19, x22
        mov     x24, x21
1:      ldp     w2, w3, [x20]
        ldr     w5, [x20, #12]
        mov     x6, #SLOT_SIZE
        ldr     x0, =CODE
        madd    x0, x5, x6, x0
        mov     x10, x0
        ldr     w7, take_x0
        str     w7, [x0], #4
        add     x1, x20, #16
        mov     x8, x2
2:      ldr     w7, [x1], #4
        str     w7, [x0], #4
        subs    x8, x8, #1
        b.ne    2b
        add     x1, x1, #7
        and     x1, x1, #~7
        mov     x7, #STATE + 8
        madd    x20, x3, x7, x1
        sub     x1, x0, x10
        mov     x0, x10
        bl      sync_code
        subs    x24, x24, #1
        b.ne    1b

        // Pass 2: the states run.
        add     x20, x19, x22
        ldr     x25, =output
code:
        ldp     w2, w26, [x20]          // x26: states left
        ldp     w27, w5, [x20, #8]      // x27: flags
        mov     x6, #SLOT_SIZE
        ldr     x28, =CODE
        madd    x28, x5, x6, x28        // x28: slot
        add     x20, x20, #16 + 7
        add     x20, x20, x2, lsl #2
        and     x20, x20, #~7
state:
        str     x28, [x20, #STATE_PC]
        tbz     w27, #0, 2f
        ldr     x0, [x20, #STATE]
        add     x0, x19, x0
        ldr     x1, =WINDOW
        mov     x2, #WINDOW_SIZE
1:      ldp     x3, x4, [x0], #16
        stp     x3, x4, [x1], #16
        subs    x2, x2, #16
        b.ne    1b
2:      ldr     x0, =record_pointer
        str     x25, [x0]
        mov     x0, x20
        bl      run
        mov     x0, #0
        tbz     w27, #0, 4f
        ldr     x1, =WINDOW
        mov     x2, #WINDOW_SIZE
        ldr     x4, =0x9E3779B97F4A7C15
3:      ldr     x3, [x1], #8
        eor     x0, x0, x3
        mul     x0, x0, x4
        ror     x0, x0, #29
        subs    x2, x2, #8
        b.ne    3b
4:      str     x0, [x25, #HASH]
        add     x25, x25, #RECORD
        tbz     w27, #1, 6f
        ldr     x1, =WINDOW
        mov     x2, #WINDOW_SIZE
5:      ldp     x3, x4, [x1], #16
        stp     x3, x4, [x25], #16
        subs    x2, x2, #16
        b.ne    5b
6:      add     x20, x20, #STATE + 8
        subs    x26, x26, #1
        b.ne    state
        subs    x21, x21, #1
        b.ne    code

        ldr     x19, =output
7:      mov     x0, #1
        mov     x1, x19
        sub     x2, x25, x19
        mov     x8, #SYS_WRITE
        svc     #0
        cmp     x0, #0
        b.le    fail
        add     x19, x19, x0
        cmp     x19, x25
        b.lo    7b
        b       next_batch

fail:
        mov     x0, #99
        b       quit
done:
        mov     x0, #0
quit:
        mov     x8, #SYS_EXIT_GROUP
        svc     #0
        b       quit

take_x0:
        mrs     x0, tpidr_el0

// Maps x1 bytes at x0, everything permitted.
map:
        mov     x9, x0
        mov     x2, #7                  // PROT_READ | PROT_WRITE | PROT_EXEC
        mov     x3, #0x32               // MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS
        mov     x4, #-1
        mov     x5, #0
        mov     x8, #SYS_MMAP
        svc     #0
        cmp     x0, x9
        b.ne    fail
        ret

// Catches signal x0 on the alternate stack.
catch:
        ldr     x1, =action
        mov     x2, #0
        mov     x3, #8
        mov     x8, #SYS_RT_SIGACTION
        svc     #0
        cbnz    x0, fail
        ret

// Reads x1 bytes to x0; the end of the input ends the program.
read_all:
        mov     x9, x0
        mov     x10, x1
1:      mov     x0, #0
        mov     x1, x9
        mov     x2, x10
        mov     x8, #SYS_READ
        svc     #0
        cbz     x0, done
        tbnz    x0, #63, fail
        add     x9, x9, x0
        subs    x10, x10, x0
        b.ne    1b
        ret

// Makes x1 bytes of code at x0 visible to fetches.
sync_code:
        add     x1, x0, x1
1:      dc      cvau, x0
        ic      ivau, x0
        add     x0, x0, #16
        cmp     x0, x1
        b.lo    1b
        dsb     ish
        isb
        ret

// Loads the state at x0 and enters its code; returns when the case reached the exit page or took a signal.
run:
        stp     x19, x20, [sp, #-96]!
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        ldr     x1, =saved_sp
        mov     x2, sp
        str     x2, [x1]
        ldp     q0, q1, [x0, #STATE_V + 0]
        ldp     q2, q3, [x0, #STATE_V + 32]
        ldp     q4, q5, [x0, #STATE_V + 64]
        ldp     q6, q7, [x0, #STATE_V + 96]
        ldp     q8, q9, [x0, #STATE_V + 128]
        ldp     q10, q11, [x0, #STATE_V + 160]
        ldp     q12, q13, [x0, #STATE_V + 192]
        ldp     q14, q15, [x0, #STATE_V + 224]
        ldp     q16, q17, [x0, #STATE_V + 256]
        ldp     q18, q19, [x0, #STATE_V + 288]
        ldp     q20, q21, [x0, #STATE_V + 320]
        ldp     q22, q23, [x0, #STATE_V + 352]
        ldp     q24, q25, [x0, #STATE_V + 384]
        ldp     q26, q27, [x0, #STATE_V + 416]
        ldp     q28, q29, [x0, #STATE_V + 448]
        ldp     q30, q31, [x0, #STATE_V + 480]
        ldr     x1, [x0, #STATE_FPCR]
        msr     fpcr, x1
        ldr     x1, [x0, #STATE_FPSR]
        msr     fpsr, x1
        ldr     x1, [x0, #STATE_SP]
        mov     sp, x1
        ldr     x1, [x0]
        msr     tpidr_el0, x1
        ldr     x1, [x0, #STATE_NZCV]
        lsl     x1, x1, #28
        msr     nzcv, x1
        ldr     x1, [x0, #8]
        ldp     x2, x3, [x0, #16]
        ldp     x4, x5, [x0, #32]
        ldp     x6, x7, [x0, #48]
        ldp     x8, x9, [x0, #64]
        ldp     x10, x11, [x0, #80]
        ldp     x12, x13, [x0, #96]
        ldp     x14, x15, [x0, #112]
        ldp     x16, x17, [x0, #128]
        ldp     x18, x19, [x0, #144]
        ldp     x20, x21, [x0, #160]
        ldp     x22, x23, [x0, #176]
        ldp     x24, x25, [x0, #192]
        ldp     x26, x27, [x0, #208]
        ldp     x28, x29, [x0, #224]
        ldr     x30, [x0, #240]
        ldr     x0, [x0, #STATE_PC]
        br      x0

// Copied to the exit page.
exit_stub:
        msr     tpidr_el0, x0
        ldr     x0, 1f
        ldr     x0, [x0]
        str     x1, [x0, #8]
        ldr     x1, 2f
        br      x1
        .balign 8
1:      .quad   record_pointer
2:      .quad   save
exit_stub_end:

save:
        stp     x2, x3, [x0, #16]
        stp     x4, x5, [x0, #32]
        stp     x6, x7, [x0, #48]
        stp     x8, x9, [x0, #64]
        stp     x10, x11, [x0, #80]
        stp     x12, x13, [x0, #96]
        stp     x14, x15, [x0, #112]
        stp     x16, x17, [x0, #128]
        stp     x18, x19, [x0, #144]
        stp     x20, x21, [x0, #160]
        stp     x22, x23, [x0, #176]
        stp     x24, x25, [x0, #192]
        stp     x26, x27, [x0, #208]
        stp     x28, x29, [x0, #224]
        str     x30, [x0, #240]
        mrs     x1, nzcv
        lsr     x1, x1, #28
        str     x1, [x0, #STATE_NZCV]
        mrs     x1, tpidr_el0
        str     x1, [x0]
        mov     x1, sp
        str     x1, [x0, #STATE_SP]
        mrs     x1, fpcr
        str     x1, [x0, #STATE_FPCR]
        mrs     x1, fpsr
        str     x1, [x0, #STATE_FPSR]
        ldr     x1, =EXIT
        str     x1, [x0, #STATE_PC]
        stp     q0, q1, [x0, #STATE_V + 0]
        stp     q2, q3, [x0, #STATE_V + 32]
        stp     q4, q5, [x0, #STATE_V + 64]
        stp     q6, q7, [x0, #STATE_V + 96]
        stp     q8, q9, [x0, #STATE_V + 128]
        stp     q10, q11, [x0, #STATE_V + 160]
        stp     q12, q13, [x0, #STATE_V + 192]
        stp     q14, q15, [x0, #STATE_V + 224]
        stp     q16, q17, [x0, #STATE_V + 256]
        stp     q18, q19, [x0, #STATE_V + 288]
        stp     q20, q21, [x0, #STATE_V + 320]
        stp     q22, q23, [x0, #STATE_V + 352]
        stp     q24, q25, [x0, #STATE_V + 384]
        stp     q26, q27, [x0, #STATE_V + 416]
        stp     q28, q29, [x0, #STATE_V + 448]
        stp     q30, q31, [x0, #STATE_V + 480]
        str     xzr, [x0, #OUTCOME]

resume:
        ldr     x0, =saved_sp
        ldr     x0, [x0]
        mov     sp, x0
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     x19, x20, [sp], #96
        ret

// A signal of a case: its state is in the frame; sigreturn goes on at resume.
handler:
        ldr     x3, [x2, #UC_PC]
        ldr     x4, =_start             // a signal of the runner itself is a bug
        ldr     x5, =text_end
        cmp     x3, x4
        ccmp    x3, x5, #2, hs
        b.lo    fail
        ldr     x1, =record_pointer
        ldr     x1, [x1]
        str     x0, [x1, #OUTCOME]
        str     x3, [x1, #STATE_PC]
        add     x3, x2, #UC_REGS
        mov     x4, x1
        mov     x5, #32                 // X0 to X30, SP
1:      ldr     x6, [x3], #8
        str     x6, [x4], #8
        subs    x5, x5, #1
        b.ne    1b
        ldr     x3, [x2, #UC_PSTATE]
        ubfx    x3, x3, #28, #4
        str     x3, [x1, #STATE_NZCV]
        ldr     w3, [x2, #UC_FPCR]
        str     x3, [x1, #STATE_FPCR]
        ldr     w3, [x2, #UC_FPSR]
        str     x3, [x1, #STATE_FPSR]
        add     x3, x2, #UC_V
        add     x4, x1, #STATE_V
        mov     x5, #64
2:      ldr     x6, [x3], #8
        str     x6, [x4], #8
        subs    x5, x5, #1
        b.ne    2b
        ldr     x3, =resume
        str     x3, [x2, #UC_PC]
        ret

        .ltorg
text_end:

        .data
        .balign 8
alternate_stack:
        .quad   stack, 0, 65536
action:
        .quad   handler, 0x48000004, 0, 0   // SA_ONSTACK | SA_NODEFER | SA_SIGINFO

        .bss
        .balign 64
header: .skip   16
record_pointer: .skip 8
saved_sp: .skip 8
stack:  .skip   65536
input:  .skip   16 << 20
output: .skip   24 << 20
