// Boots firmware of the QEMU kind: code in read-only memory at 0, variables in flash, everything else told by device tree and fw_cfg.
using System.Text;
using Emu.Core;
using Emu.Devices.Firmware;
using Emu.Machine.Boards;
using Emu.Machine.Firmware.Acpi;
using Emu.Machine.Firmware.Fdt;
using Emu.Machine.Firmware.Smbios;
using Emu.Machine.Options;

namespace Emu.Machine.Boot;

/// <summary>EDK2's ArmVirtQemu, as Debian's AAVMF has it. It boots from disks, or the kernel that it finds in fw_cfg.</summary>
public sealed class AavmfLoader : BootSource
{
    private readonly byte[] image;
    private readonly MachineOptions options;
    private readonly KernelImage? kernel;
    private readonly InputFile? initramfs;

    /// <summary>Takes an image, and opens the kernel and the initramfs.</summary>
    /// <exception cref="EmuException">Bad input.</exception>
    public AavmfLoader(FirmwareImage image, MachineOptions options)
    {
        this.image = image.Bytes;
        this.options = options;
        if (options.Kernel is null)
        {
            return;
        }

        CheckCommandLine(options.CommandLine);
        kernel = KernelImage.Open(options.Kernel);
        try
        {
            if (!kernel.HasEfiStub)
            {
                throw new EmuException($"--kernel '{options.Kernel}' has no EFI stub, so firmware cannot start it; leave --firmware out, or give a kernel built with CONFIG_EFI_STUB");
            }

            initramfs = options.Initramfs is null ? null : InputFile.Open("--initramfs", options.Initramfs);
            if (initramfs?.Length > uint.MaxValue)
            {
                throw new EmuException($"--initramfs '{options.Initramfs}' is {initramfs.Length >> 20}M long; firmware takes at most 4095M");
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override ulong Entry => Arm64Layout.FirmwareBase;

    /// <inheritdoc/>
    public override FirmwareMemory? ExtraMemory => new FirmwareMemory(new MemoryRange(Arm64Layout.FirmwareBase, Arm64Layout.FirmwareSize), ReadOnly: true);

    /// <inheritdoc/>
    public override FirmwareDevices? CreateDevices(PhysicalAddressSpace memory, Log log) =>
        new(new CfiFlash(memory, Arm64Layout.FlashBase, NvramFile.Open(options, log)), memory, log);

    /// <inheritdoc/>
    public override void Describe(FirmwareDevices devices, Arm64AcpiOptions acpi)
    {
        var configuration = devices.Configuration;
        configuration.Add(FwCfgItem.CpuCount, BitConverter.GetBytes((ushort)acpi.VcpuCount));
        var loader = new AcpiTableLoader(acpi);
        configuration.AddFile(AcpiTableLoader.ScriptFile, loader.Script);
        configuration.AddFile(AcpiTableLoader.RootPointerFile, loader.RootPointer);
        configuration.AddFile(AcpiTableLoader.TablesFile, loader.Tables);
        var structures = SmbiosTables.Structures(options.Platform.Smbios);
        configuration.AddFile(SmbiosTables.AnchorFile, SmbiosTables.EntryPoint(structures.Length));
        configuration.AddFile(SmbiosTables.TablesFile, structures);
        if (kernel is not null)
        {
            configuration.Add(FwCfgItem.KernelSize, (uint)kernel.Length);
            configuration.Add(FwCfgItem.KernelData, kernel.Length, kernel.Read);
            var line = Encoding.UTF8.GetBytes(options.CommandLine + "\0");
            configuration.Add(FwCfgItem.CommandLineSize, (uint)line.Length);
            configuration.Add(FwCfgItem.CommandLineData, line);
        }

        if (initramfs is not null)
        {
            configuration.Add(FwCfgItem.InitrdSize, (uint)initramfs.Length);
            configuration.Add(FwCfgItem.InitrdData, initramfs.Length, initramfs.Read);
        }

        configuration.Seal();
    }

    /// <inheritdoc/>
    public override void Load(PhysicalAddressSpace memory, Arm64FdtOptions fdt, Arm64AcpiOptions acpi)
    {
        image.CopyTo(Ram(memory, Arm64Layout.FirmwareBase, (ulong)image.Length));
        LoadFirmwareFdt(memory, fdt);
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        kernel?.Dispose();
        initramfs?.Dispose();
    }
}
