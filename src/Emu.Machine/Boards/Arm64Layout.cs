// The arm64 machine's guest-physical map and interrupt numbers, as constants; addresses that depend on the vCPU count or RAM size as functions.
namespace Emu.Machine.Boards;

/// <summary>
/// The physical map, lowest address first. The numbers are Cloud Hypervisor's, so its guests and its EDK2 firmware find what they expect.
/// </summary>
public static class Arm64Layout
{
    /// <summary>Memory of a firmware image: the boot vCPU's first instruction when there is one.</summary>
    public const ulong FirmwareBase = 0;

    /// <summary>Bytes of a firmware image's memory.</summary>
    public const ulong FirmwareSize = 4UL << 20;

    /// <summary>Smallest RAM of a machine that boots through firmware: EDK2's heap is the top 64 MiB.</summary>
    public const ulong MinimumFirmwareRam = 128UL << 20;

    /// <summary>Flash with the variables of firmware of the QEMU kind; 64 MiB at most, which end where QEMU's machine has its GIC.</summary>
    public const ulong FlashBase = 0x0400_0000;

    /// <summary>First byte of the GICv3 distributor. Redistributors lie directly below it.</summary>
    public const ulong GicDistributorBase = 0x08FF_0000;

    /// <summary>The distributor's one 64 KiB frame (IHI 0069 12.8).</summary>
    public const ulong GicDistributorSize = 0x1_0000;

    /// <summary>A redistributor's RD_base and SGI_base frames, 64 KiB each (IHI 0069 12.10).</summary>
    public const ulong GicRedistributorSize = 0x2_0000;

    /// <summary>PL011 UART: the guest's serial console.</summary>
    public const ulong Pl011Base = 0x0900_0000;

    /// <summary>PL031 real-time clock.</summary>
    public const ulong Pl031Base = 0x0901_0000;

    /// <summary>PL061 GPIO: line 3 is the power button.</summary>
    public const ulong Pl061Base = 0x0902_0000;

    /// <summary>fw_cfg of firmware of the QEMU kind.</summary>
    public const ulong FwCfgBase = 0x0903_0000;

    /// <summary>Bytes of each PrimeCell's register window.</summary>
    public const ulong PrimeCellSize = 0x1000;

    /// <summary>The GICv3 ITS's control and translation frames, 64 KiB each (IHI 0069 12.18). They lie directly below the redistributors.</summary>
    public const ulong GicItsSize = 0x2_0000;

    /// <summary>Where in the ITS's frames the translation frame begins: MSIs are written to it.</summary>
    public const ulong GicItsTranslationOffset = 0x1_0000;

    /// <summary>PCI I/O window: bus addresses 0 to 0xFFFF of every segment.</summary>
    public const ulong PciIoBase = 0x0905_0000;

    /// <summary>Bytes of the PCI I/O window.</summary>
    public const ulong PciIoSize = 0x1_0000;

    /// <summary>32-bit PCI memory window, shared out between the segments.</summary>
    public const ulong PciMemory32Base = 0x1000_0000;

    /// <summary>Bytes of the 32-bit PCI memory window.</summary>
    public const ulong PciMemory32Size = 512UL << 20;

    /// <summary>PCI configuration space (ECAM), 1 MiB a segment.</summary>
    public const ulong PciEcamBase = 0x3000_0000;

    /// <summary>Room kept for PCI configuration space.</summary>
    public const ulong PciEcamSize = 256UL << 20;

    /// <summary>Most PCI segments of a machine.</summary>
    public const int MaximumPciSegments = 96;

    /// <summary>Start of RAM.</summary>
    public const ulong RamBase = 0x4000_0000;

    /// <summary>The flattened device tree, at the start of RAM; X0 of the boot vCPU.</summary>
    public const ulong FdtBase = RamBase;

    /// <summary>Room kept for the device tree.</summary>
    public const ulong FdtMaximumSize = 0x20_0000;

    /// <summary>The ACPI root pointer, the other tables behind it; only of a machine that boots through firmware.</summary>
    public const ulong AcpiBase = 0x4020_0000;

    /// <summary>Room kept for the ACPI tables.</summary>
    public const ulong AcpiMaximumSize = 0x20_0000;

    /// <summary>The kernel Image; 2 MiB aligned, as the arm64 boot protocol asks.</summary>
    public const ulong KernelBase = 0x4040_0000;

    /// <summary>End of low RAM: from here to <see cref="HighRamBase"/> is a hole for fixed devices.</summary>
    public const ulong LowRamEnd = 0xFC00_0000;

    /// <summary>RAM that does not fit below <see cref="LowRamEnd"/> goes on here.</summary>
    public const ulong HighRamBase = 0x1_0000_0000;

    /// <summary>Largest RAM below the hole: 3008 MiB.</summary>
    public const ulong MaximumLowRam = LowRamEnd - RamBase;

    /// <summary>Largest RAM of a machine: 512 GiB, which leaves half of the 40-bit map to 64-bit PCI windows.</summary>
    public const ulong MaximumRam = 512UL << 30;

    /// <summary>Smallest RAM of a machine: the kernel's load address lies 4 MiB into it.</summary>
    public const ulong MinimumRam = 8UL << 20;

    /// <summary>Most vCPUs of a machine: the redistributors of 32 reach down to 0x08BF_0000.</summary>
    public const int MaximumVcpus = 32;

    /// <summary>Longest kernel command line in bytes, without the final NUL (COMMAND_LINE_SIZE of arm64 Linux is 2048).</summary>
    public const int MaximumCommandLine = 2048;

    /// <summary>Bits of a guest-physical address: the map ends at 1 TiB.</summary>
    public const int PhysicalAddressBits = 40;

    /// <summary>One past the last address of the map that is used: 64 KiB below its end.</summary>
    public const ulong MapEnd = (1UL << PhysicalAddressBits) - 0x1_0000;

    /// <summary>Bytes below <see cref="MapEnd"/> kept for the controllers that ACPI names, a 4 KiB page each, given out from the top.</summary>
    public const ulong PlatformAreaSize = 1 << 20;

    /// <summary>Bytes of a platform controller's window.</summary>
    public const ulong PlatformPageSize = 0x1000;

    /// <summary>The PCI hotplug controller's registers.</summary>
    public const ulong PciHotplugBase = MapEnd - PlatformPageSize;

    /// <summary>The generic event device's register.</summary>
    public const ulong GenericEventBase = PciHotplugBase - PlatformPageSize;

    /// <summary>Lowest start of the 64-bit PCI memory window: EDK2 takes none that begins below 8 GiB.</summary>
    public const ulong PciMemory64Minimum = 0x2_0000_0000;

    /// <summary>SPIs of the distributor: INTID 32 to 287.</summary>
    public const int SpiCount = 256;

    /// <summary>INTID of the first of the eight PCI INTA lines; slot i has number i mod 8. They are named to the guest, no device drives them.</summary>
    public const int PciInterrupt = 32;

    /// <summary>Number of PCI INTA lines.</summary>
    public const int PciInterruptCount = 8;

    /// <summary>INTID of the RTC.</summary>
    public const int RtcInterrupt = 40;

    /// <summary>INTID of the GPIO controller.</summary>
    public const int GpioInterrupt = 41;

    /// <summary>INTID of the generic event device.</summary>
    public const int GenericEventInterrupt = 42;

    /// <summary>INTID of the serial port.</summary>
    public const int SerialInterrupt = 43;

    /// <summary>First INTID of shared peripherals; the device tree counts SPIs from it.</summary>
    public const int FirstSpi = 32;

    /// <summary>First INTID of private peripherals; the device tree counts PPIs from it.</summary>
    public const int FirstPpi = 16;

    /// <summary>INTID of the PMU overflow interrupt (PPI 7).</summary>
    public const int PmuInterrupt = 23;

    /// <summary>INTID of the EL2 physical timer (PPI 10).</summary>
    public const int HypervisorTimerInterrupt = 26;

    /// <summary>INTID of the EL1 virtual timer (PPI 11).</summary>
    public const int VirtualTimerInterrupt = 27;

    /// <summary>INTID of the EL3 physical timer (PPI 13).</summary>
    public const int SecureTimerInterrupt = 29;

    /// <summary>INTID of the EL1 non-secure physical timer (PPI 14).</summary>
    public const int PhysicalTimerInterrupt = 30;

    /// <summary>INTID of the GIC maintenance interrupt (PPI 9).</summary>
    public const int MaintenanceInterrupt = 25;

    /// <summary>PL061 line of the power button.</summary>
    public const int PowerButtonLine = 3;

    /// <summary>Frequency of the PrimeCells' clock in Hz.</summary>
    public const uint PeripheralClockHertz = 24_000_000;

    /// <summary>First byte of the redistributor frames, which grow downward from the distributor with the largest vCPU count.</summary>
    /// <param name="maximumVcpus">1 to <see cref="MaximumVcpus"/>.</param>
    public static ulong GicRedistributorBase(int maximumVcpus) => GicDistributorBase - ((ulong)maximumVcpus * GicRedistributorSize);

    /// <summary>First byte of the ITS's frames.</summary>
    /// <param name="maximumVcpus">1 to <see cref="MaximumVcpus"/>.</param>
    public static ulong GicItsBase(int maximumVcpus) => GicRedistributorBase(maximumVcpus) - GicItsSize;

    /// <summary>MPIDR_EL1 of a vCPU: Aff0 = id[3:0], Aff1 = id[11:4], Aff2 = id[19:12], bit 31 RES1 (Arm ARM D17.2.101).</summary>
    public static ulong Mpidr(int index) =>
        0x8000_0000UL | ((ulong)index & 0xF) | ((((ulong)index >> 4) & 0xFF) << 8) | ((((ulong)index >> 12) & 0xFF) << 16);

    /// <summary>The affinity fields of <see cref="Mpidr"/>, as a device tree's cpu node names them.</summary>
    public static uint Affinity(int index) => (uint)(Mpidr(index) & 0x7F_FFFF);

    /// <summary>The one or two runs of RAM of a machine.</summary>
    /// <param name="size">Bytes, a multiple of 4 KiB.</param>
    public static MemoryRange[] RamRanges(ulong size) => size <= MaximumLowRam
        ? [new MemoryRange(RamBase, size)]
        : [new MemoryRange(RamBase, MaximumLowRam), new MemoryRange(HighRamBase, size - MaximumLowRam)];

    /// <summary>The 64-bit PCI memory window: from the end of RAM to the platform controllers.</summary>
    /// <param name="ramSize">Bytes of RAM.</param>
    public static MemoryRange PciMemory64(ulong ramSize)
    {
        var start = Math.Max(RamRanges(ramSize)[^1].End, PciMemory64Minimum);
        return new MemoryRange(start, MapEnd - PlatformAreaSize - start);
    }
}

/// <summary>A run of guest-physical addresses.</summary>
/// <param name="Start">First address.</param>
/// <param name="Length">Bytes.</param>
public readonly record struct MemoryRange(ulong Start, ulong Length)
{
    /// <summary>First address behind the run.</summary>
    public ulong End => Start + Length;
}
