// Boots firmware of the Cloud Hypervisor kind: a raw image in RAM at 0 that finds a device tree and ACPI tables at fixed addresses.
using Emu.Core;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>
/// EDK2's ArmVirtCloudHv. The image runs in place and writes to its own variables, so it lies in RAM, which no description of the machine
/// lists; it is copied afresh at every reset.
/// </summary>
public sealed class FirmwareLoader : BootSource
{
    /// <summary>Largest device tree: the firmware's first stack lies behind it.</summary>
    private const int MaximumFdt = 0x7_C000;

    private readonly InputFile file;

    /// <summary>Opens and checks the image.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public FirmwareLoader(MachineOptions options)
    {
        if (options.Memory.Size < Arm64Layout.MinimumFirmwareRam)
        {
            throw new EmuException(
                $"--memory size={options.Memory} is too small: --firmware needs at least size={MemoryOption.Format(Arm64Layout.MinimumFirmwareRam)}");
        }

        file = InputFile.Open("--firmware", options.Firmware!);
        if ((ulong)file.Length > Arm64Layout.FirmwareSize)
        {
            var length = file.Length;
            file.Dispose();
            throw new EmuException(
                $"--firmware '{options.Firmware}' is {length >> 20}M long; an image of EDK2's ArmVirtCloudHv (CLOUDHV_EFI.fd) has at most {Arm64Layout.FirmwareSize >> 20}M");
        }
    }

    /// <inheritdoc/>
    public override ulong Entry => Arm64Layout.FirmwareBase;

    /// <inheritdoc/>
    public override MemoryRange? ExtraRam => new MemoryRange(Arm64Layout.FirmwareBase, Arm64Layout.FirmwareSize);

    /// <inheritdoc/>
    public override void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt, Arm64AcpiOptions acpi)
    {
        file.Read(0, Ram(memory, Arm64Layout.FirmwareBase, (ulong)file.Length));
        var tree = Arm64Fdt.Build(fdt);
        if (tree.Length > MaximumFdt)
        {
            throw new EmuException($"the device tree is {tree.Length} bytes long, firmware takes at most {MaximumFdt}; use fewer vCPUs or PCI segments");
        }

        tree.CopyTo(Ram(memory, Arm64Layout.FdtBase, (ulong)tree.Length));
        var tables = Arm64AcpiTables.Build(acpi);
        tables.CopyTo(Ram(memory, Arm64Layout.AcpiBase, (ulong)tables.Length));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) => file.Dispose();
}
