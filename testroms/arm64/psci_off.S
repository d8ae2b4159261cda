// PSCI SYSTEM_OFF ends the machine, while another CPU runs.
// run: --semihosting --cpus boot=2
// expect: exit=0
.include "common.inc"

main:
    cpu_on  1, spin
    check_eq x0, 0
    ldr     x1, =started
1:  ldar    x0, [x1]
    cbz     x0, 1b
    hvc_call PSCI_SYSTEM_OFF
    mov     x0, #2
    b       exit
spin:
    ldr     x1, =started
    mov     x0, #1
    stlr    x0, [x1]
1:  b       1b

.bss
.balign 8
started: .space 8
.text
