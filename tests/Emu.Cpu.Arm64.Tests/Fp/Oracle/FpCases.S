// The instructions of the floating-point tables, by the element size of their operands. Destination 0, sources 1 and 2, third source 3.
    .arch armv8.6-a+fp16+fp16fml+bf16+simd

// Scalar forms of a register letter.
    .macro scalar r
    .irp op, fmul, fdiv, fadd, fsub, fmax, fmin, fmaxnm, fminnm, fnmul
    \op \r\()0, \r\()1, \r\()2
    .endr
    .irp op, fmadd, fmsub, fnmadd, fnmsub
    \op \r\()0, \r\()1, \r\()2, \r\()3
    .endr
    .irp op, fmov, fabs, fneg, fsqrt, frintn, frintp, frintm, frintz, frinta, frintx, frinti
    \op \r\()0, \r\()1
    .endr
    .irp op, fcmp, fcmpe
    \op \r\()1, \r\()2
    \op \r\()1, #0.0
    .endr
    .irp c, eq, ge, hi, le, al
    fccmp \r\()1, \r\()2, #5, \c
    fccmpe \r\()1, \r\()2, #10, \c
    fcsel \r\()0, \r\()1, \r\()2, \c
    .endr
    .irp i, 2.0, -0.125, 31.0, 1.9375, -1.0
    fmov \r\()0, #\i
    .endr
    .irp op, fcvtns, fcvtnu, fcvtas, fcvtau, fcvtps, fcvtpu, fcvtms, fcvtmu, fcvtzs, fcvtzu
    \op w0, \r\()1
    \op x0, \r\()1
    \op \r\()0, \r\()1
    .endr
    .irp op, scvtf, ucvtf
    \op \r\()0, w1
    \op \r\()0, x1
    \op \r\()0, wzr
    \op \r\()0, \r\()1
    .irp f, 1, 7, 16
    \op \r\()0, w1, #\f
    \op \r\()0, x1, #\f
    \op \r\()0, \r\()1, #\f
    .endr
    \op \r\()0, w1, #32
    \op \r\()0, x1, #64
    .endr
    .irp op, fcvtzs, fcvtzu
    .irp f, 1, 7, 16
    \op w0, \r\()1, #\f
    \op x0, \r\()1, #\f
    \op \r\()0, \r\()1, #\f
    .endr
    \op w0, \r\()1, #32
    \op x0, \r\()1, #64
    .endr
    .irp op, fmulx, fcmeq, frecps, frsqrts, fcmge, facge, fabd, fcmgt, facgt
    \op \r\()0, \r\()1, \r\()2
    .endr
    .irp op, fcmeq, fcmge, fcmgt, fcmle, fcmlt
    \op \r\()0, \r\()1, #0.0
    .endr
    .irp op, frecpe, frsqrte, frecpx
    \op \r\()0, \r\()1
    .endr
    .endm

// Vector forms of an arrangement.
    .macro vector a
    .irp op, fmaxnm, fmla, fadd, fmulx, fcmeq, fmax, frecps, fminnm, fmls, fsub, fmin, frsqrts, fmaxnmp, faddp, fmul, fcmge, facge, fmaxp, fdiv, fminnmp, fabd, fcmgt, facgt, fminp
    \op v0.\a, v1.\a, v2.\a
    .endr
    .irp op, frintn, frintm, frintp, frintz, frinta, frintx, frinti, fcvtns, fcvtms, fcvtas, fcvtps, fcvtzs, fcvtnu, fcvtmu, fcvtau, fcvtpu, fcvtzu, scvtf, ucvtf, fabs, fneg, fsqrt, frecpe, frsqrte
    \op v0.\a, v1.\a
    .endr
    .irp op, fcmeq, fcmge, fcmgt, fcmle, fcmlt
    \op v0.\a, v1.\a, #0.0
    .endr
    .irp op, scvtf, ucvtf, fcvtzs, fcvtzu
    .irp f, 1, 9, 16
    \op v0.\a, v1.\a, #\f
    .endr
    .endr
    .irp r, 90, 270
    fcadd v0.\a, v1.\a, v2.\a, #\r
    .endr
    .irp r, 0, 90, 180, 270
    fcmla v0.\a, v1.\a, v2.\a, #\r
    .endr
    fadd v0.\a, v0.\a, v0.\a
    faddp v0.\a, v0.\a, v0.\a
    fmla v0.\a, v0.\a, v0.\a
    fmov v0.\a, #-0.25
    fmov v0.\a, #23.0
    .endm

    .macro element a, e, i
    .irp op, fmul, fmulx, fmla, fmls
    \op v0.\a, v1.\a, v2.\e[\i]
    \op v0.\a, v2.\a, v0.\e[\i]
    .endr
    .endm

    .macro scalarelement r, e, i
    .irp op, fmul, fmulx, fmla, fmls
    \op \r\()0, \r\()1, v2.\e[\i]
    .endr
    .endm

    .section .rodata
    .balign 4
    .global cases16, cases32, cases64, cases_end
cases16:
    scalar h
    vector 4h
    vector 8h
    element 4h, h, 0
    element 8h, h, 5
    element 8h, h, 7
    scalarelement h, h, 3
    fcvt s0, h1
    fcvt d0, h1
    fmov w0, h1
    fmov x0, h1
    fmov h0, w1
    fmov h0, x1
    fcvtl v0.4s, v1.4h
    fcvtl2 v0.4s, v1.8h
    .irp op, fmaxnmp, fminnmp, fmaxp, fminp, faddp
    \op h0, v1.2h
    .endr
    .irp op, fmaxnmv, fminnmv, fmaxv, fminv
    \op h0, v1.4h
    \op h0, v1.8h
    .endr
    .irp op, fmlal, fmlal2, fmlsl, fmlsl2
    \op v0.2s, v1.2h, v2.2h
    \op v0.4s, v1.4h, v2.4h
    \op v0.2s, v1.2h, v2.h[6]
    \op v0.4s, v1.4h, v2.h[1]
    .endr
    .irp r, 0, 90, 180, 270
    fcmla v0.4h, v1.4h, v2.h[1], #\r
    fcmla v0.8h, v1.8h, v2.h[3], #\r
    .endr
    bfdot v0.4s, v1.8h, v2.8h
    bfmmla v0.4s, v1.8h, v2.8h
cases32:
    scalar s
    vector 2s
    vector 4s
    element 2s, s, 1
    element 4s, s, 2
    scalarelement s, s, 3
    fcvt h0, s1
    fcvt d0, s1
    bfcvt h0, s1
    fmov w0, s1
    fmov s0, w1
    .irp op, frint32z, frint32x, frint64z, frint64x
    \op s0, s1
    \op v0.2s, v1.2s
    \op v0.4s, v1.4s
    .endr
    fcvtl v0.2d, v1.2s
    fcvtl2 v0.2d, v1.4s
    fcvtn v0.4h, v1.4s
    fcvtn2 v0.8h, v1.4s
    bfcvtn v0.4h, v1.4s
    bfcvtn2 v0.8h, v1.4s
    .irp op, urecpe, ursqrte
    \op v0.2s, v1.2s
    \op v0.4s, v1.4s
    .endr
    .irp op, fmaxnmp, fminnmp, fmaxp, fminp, faddp
    \op s0, v1.2s
    .endr
    .irp op, fmaxnmv, fminnmv, fmaxv, fminv
    \op s0, v1.4s
    .endr
    .irp r, 0, 90, 180, 270
    fcmla v0.4s, v1.4s, v2.s[1], #\r
    .endr
    bfdot v0.2s, v1.4h, v2.4h
    bfdot v0.4s, v1.8h, v2.8h
    bfdot v0.4s, v1.8h, v2.2h[3]
    bfmmla v0.4s, v1.8h, v2.8h
    bfmlalb v0.4s, v1.8h, v2.8h
    bfmlalt v0.4s, v1.8h, v2.8h
    bfmlalb v0.4s, v1.8h, v2.h[5]
    bfmlalt v0.4s, v1.8h, v2.h[2]
cases64:
    scalar d
    vector 2d
    element 2d, d, 0
    element 2d, d, 1
    scalarelement d, d, 1
    fcvt h0, d1
    fcvt s0, d1
    fmov x0, d1
    fmov d0, x1
    fmov x0, v1.d[1]
    fmov v0.d[1], x1
    fjcvtzs w0, d1
    .irp op, frint32z, frint32x, frint64z, frint64x
    \op d0, d1
    \op v0.2d, v1.2d
    .endr
    fcvtn v0.2s, v1.2d
    fcvtn2 v0.4s, v1.2d
    fcvtxn v0.2s, v1.2d
    fcvtxn2 v0.4s, v1.2d
    fcvtxn s0, d1
    .irp op, fmaxnmp, fminnmp, fmaxp, fminp, faddp
    \op d0, v1.2d
    .endr
cases_end:
    .word 0

// void run(void *code, struct state *state)
    .text
    .global run
run:
    stp x29, x30, [sp, #-32]!
    str x19, [sp, #16]
    mov x19, x1
    mov x16, x0
    ldp q0, q1, [x19]
    ldp q2, q3, [x19, #32]
    ldp x0, x1, [x19, #64]
    ldr x2, [x19, #80]
    msr fpcr, x2
    ldr x2, [x19, #88]
    msr fpsr, x2
    ldr x2, [x19, #96]
    msr nzcv, x2
    blr x16
    mrs x2, nzcv
    str x2, [x19, #96]
    mrs x2, fpsr
    str x2, [x19, #88]
    msr fpcr, xzr
    str q0, [x19]
    str x0, [x19, #64]
    ldr x19, [sp, #16]
    ldp x29, x30, [sp], #32
    ret
    .section .note.GNU-stack, "", %progbits
