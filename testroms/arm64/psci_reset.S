// PSCI SYSTEM_RESET ends the machine where resets do.
// run: --semihosting --no-reboot
// expect: exit=10
// expect-qemu: exit=0
.include "common.inc"

main:
    hvc_call PSCI_SYSTEM_RESET
    mov     x0, #2
    b       exit
