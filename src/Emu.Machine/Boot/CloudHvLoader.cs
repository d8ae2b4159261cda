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
public sealed class CloudHvLoader : BootSource
{
    private readonly byte[] image;

    /// <summary>Takes an image.</summary>
    /// <exception cref="EmuException">The options ask for what such firmware has not.</exception>
    public CloudHvLoader(FirmwareImage image, MachineOptions options)
    {
        if (options.Kernel is not null)
        {
            throw new EmuException($"--kernel and --firmware exclude each other: '{options.Firmware}' finds its kernel on a disk; give one of them, or AAVMF_CODE.fd as firmware");
        }

        if (options.Nvram is not null)
        {
            throw new EmuException($"--nvram does nothing for '{options.Firmware}', which keeps its variables in RAM; leave it out, or give AAVMF_CODE.fd as firmware");
        }

        this.image = image.Bytes;
    }

    /// <inheritdoc/>
    public override ulong Entry => Arm64Layout.FirmwareBase;

    /// <inheritdoc/>
    public override FirmwareMemory? ExtraMemory => new FirmwareMemory(new MemoryRange(Arm64Layout.FirmwareBase, Arm64Layout.FirmwareSize), ReadOnly: false);

    /// <inheritdoc/>
    public override void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt, Arm64AcpiOptions acpi)
    {
        image.CopyTo(Ram(memory, Arm64Layout.FirmwareBase, (ulong)image.Length));
        LoadFirmwareFdt(memory, fdt);
        var tables = Arm64AcpiTables.Build(acpi);
        tables.CopyTo(Ram(memory, Arm64Layout.AcpiBase, (ulong)tables.Length));
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing) { }
}
