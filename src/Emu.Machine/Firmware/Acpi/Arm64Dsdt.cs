// The DSDT of the arm64 machine: the devices that firmware and kernels cannot find by themselves, and what is done on their events.
using Emu.Devices.Acpi;
using Emu.Devices.Firmware;
using Emu.Devices.Pci;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Writes the definition block.</summary>
public static class Arm64Dsdt
{
    private const byte Revision = 6;

    /// <summary>_STA: present, functioning, decoding, not shown to the user.</summary>
    private const ulong HiddenStatus = 0x0B;

    /// <summary>_STA: all of it.</summary>
    private const ulong PresentStatus = 0x0F;

    /// <summary>Notify values of a device (ACPI 6.3, 5.6.6).</summary>
    private const ulong DeviceCheck = 1;
    private const ulong EjectRequest = 3;
    private const ulong ButtonPressed = 0x80;

    /// <summary>_DSM of PCI host bridges (PCI Firmware Specification 3.3, 4.6).</summary>
    private const string PciFirmwareUuid = "e5c937d0-3553-4d7a-9117-ea4d19c3434d";
    private const ulong DsmPreserveBootConfiguration = 5;

    /// <summary>The functions of <see cref="PciFirmwareUuid"/> that are there: 0 and 5.</summary>
    private const byte DsmFunctions = (1 << 0) | (1 << (int)DsmPreserveBootConfiguration);

    /// <summary>Sleep type of S5 in the sleep control register.</summary>
    private const ulong SoftOff = 5;

    private const string HotplugController = "\\_SB_.PHPR";

    /// <summary>Builds the table.</summary>
    public static byte[] Build(Arm64AcpiOptions options)
    {
        var table = new AcpiTable("DSDT", Revision);
        table.Bytes(HotplugDevice(options.PciSegments));
        foreach (var segment in options.PciSegments)
        {
            table.Bytes(HostBridge(segment, options.Numa.FirstOrDefault(n => n.PciSegments.Contains(segment.Number))));
        }

        table.Bytes(Motherboard(options.PciSegments));
        if (options.HasSerial)
        {
            table.Bytes(SerialPort());
        }

        if (options.HasFwCfg)
        {
            table.Bytes(FirmwareConfiguration());
        }

        table.Bytes(Aml.Name("\\_S5_", Aml.Package(Aml.Integer(SoftOff), Aml.Integer(SoftOff), Aml.Integer(0), Aml.Integer(0))));
        table.Bytes(Aml.Device("\\_SB_.PWRB", Hid("PNP0C0C"), Uid(0)));
        table.Bytes(EventController());
        table.Bytes(EventDevice());
        table.Bytes(Processors(options));
        return table.Build();
    }

    private static string BridgeName(int segment) => $"PC{segment:X2}";

    private static string SlotName(int slot) => $"S{slot:D3}";

    private static byte[] Hid(string id) => Aml.Name("_HID", Aml.EisaId(id));

    private static byte[] Uid(ulong id) => Aml.Name("_UID", Aml.Integer(id));

    private static byte[] HotplugDevice(IReadOnlyList<PciSegmentLayout> segments) => Aml.Device(
        HotplugController,
        Hid("PNP0A06"),
        Aml.Name("_STA", Aml.Integer(HiddenStatus)),
        Aml.Name("_UID", Aml.String("PCI Hotplug Controller")),
        Aml.Mutex("BLCK"),
        Aml.Name("_CRS", AmlResource.Template(AmlResource.Registers(new MemoryRange(Arm64Layout.PciHotplugBase, PciHotplugController.RegistersLength)))),
        Aml.MemoryRegion("PCST", Arm64Layout.PciHotplugBase, PciHotplugController.RegistersLength),
        Aml.Field("PCST", Aml.FieldAccess.DWord, ("PCIU", 32), ("PCID", 32), ("B0EJ", 32), ("PSEG", 32)),

        // PCEJ (slot, segment): ejects.
        Aml.Method(
            "PCEJ", 2,
            Aml.Acquire("BLCK"),
            Aml.Store(Aml.Arg(1), Aml.Path("PSEG")),
            Aml.ShiftLeft(Aml.Integer(1), Aml.Arg(0), Aml.Path("B0EJ")),
            Aml.Release("BLCK"),
            Aml.Return(Aml.Integer(0))),

        // PSCN: looks for what came and what is to go, segment by segment.
        Aml.Method("PSCN", 0, [.. segments.Select(s => Aml.Call($"\\_SB_.{BridgeName(s.Number)}.PCNT"))]));

    private static byte[] HostBridge(PciSegmentLayout segment, NumaNode? node)
    {
        var slots = Enumerable.Range(0, PciSegment.SlotCount).ToArray();
        return Aml.Device(
            $"\\_SB_.{BridgeName(segment.Number)}",
            Hid("PNP0A08"),
            Aml.Name("_CID", Aml.EisaId("PNP0A03")),
            Aml.Name("_SEG", Aml.Integer((ulong)segment.Number)),
            Uid((ulong)segment.Number),
            Aml.Name("_CCA", Aml.Integer(1)),
            Aml.Name("SUPP", Aml.Integer(0)),
            node is null ? [] : Aml.Name("_PXM", Aml.Integer(node.Id)),
            DeviceSpecificMethod(),
            Aml.Name(
                "_CRS",
                AmlResource.Template(
                    AmlResource.BusNumbers(0, 0),
                    AmlResource.Memory32Fixed(segment.Ecam.Start, segment.Ecam.Length),
                    AmlResource.Window32(segment.Memory32),
                    AmlResource.Window64(segment.Memory64))),
            Aml.Concatenate([.. slots.Select(s => Slot(s, segment.Number))]),

            // DVNT (slots, value): notifies the slots of a bit map.
            Aml.Method("DVNT", 2, [.. slots.Select(s => Aml.If(Aml.And(Aml.Arg(0), Aml.Integer(1UL << s)), Aml.Notify(SlotName(s), Aml.Arg(1))))]),
            Aml.Method(
                "PCNT", 0,
                Aml.Acquire($"{HotplugController}.BLCK"),
                Aml.Store(Aml.Integer((ulong)segment.Number), Aml.Path($"{HotplugController}.PSEG")),
                Aml.Call("DVNT", Aml.Path($"{HotplugController}.PCIU"), Aml.Integer(DeviceCheck)),
                Aml.Call("DVNT", Aml.Path($"{HotplugController}.PCID"), Aml.Integer(EjectRequest)),
                Aml.Release($"{HotplugController}.BLCK")),
            Aml.Name("_PRT", Aml.Package([.. slots.Select(InterruptRoute)])));
    }

    private static byte[] DeviceSpecificMethod() => Aml.Method(
        "_DSM", 4,
        Aml.If(
            Aml.Equal(Aml.Arg(0), Aml.Uuid(PciFirmwareUuid)),
            Aml.If(Aml.Equal(Aml.Arg(2), Aml.Integer(0)), Aml.Return(Aml.Buffer([DsmFunctions]))),
            Aml.If(Aml.Equal(Aml.Arg(2), Aml.Integer(DsmPreserveBootConfiguration)), Aml.Return(Aml.Integer(0)))),
        Aml.Return(Aml.Buffer([0])));

    private static byte[] Slot(int slot, int segment) => Aml.Device(
        SlotName(slot),
        Aml.Name("_SUN", Aml.Integer((ulong)slot)),
        Aml.Name("_ADR", Aml.Integer((ulong)slot << 16)),
        Aml.Method("_EJ0", 1, Aml.Call($"{HotplugController}.PCEJ", Aml.Path("_SUN"), Aml.Integer((ulong)segment))));

    /// <summary>Pin INTA of every function of a slot is wired to an interrupt of its own (ACPI 6.3, 6.2.13).</summary>
    private static byte[] InterruptRoute(int slot) => Aml.Package(
        Aml.Integer(((ulong)slot << 16) | 0xFFFF),
        Aml.Integer(0),
        Aml.Integer(0),
        Aml.Integer((ulong)(Arm64Layout.PciInterrupt + (slot % Arm64Layout.PciInterruptCount))));

    /// <summary>
    /// Keeps every segment's configuration space from being given away (PCI Firmware Specification 3.3, 4.1.2). Linux's PCI code has taken it
    /// by the time it comes to this device, and it says "could not be reserved" here, as on every machine with ACPI and an Arm processor.
    /// </summary>
    private static byte[] Motherboard(IReadOnlyList<PciSegmentLayout> segments) => Aml.Device(
        "\\_SB_.MBRD",
        Hid("PNP0C02"),
        Uid(0),
        Aml.Name("_CRS", AmlResource.Template(AmlResource.Memory32Fixed(segments[0].Ecam.Start, segments[^1].Ecam.End - segments[0].Ecam.Start))));

    private static byte[] SerialPort() => Aml.Device(
        "\\_SB_.COM1",
        Aml.Name("_HID", Aml.String("ARMH0011")),
        Uid(0),
        Aml.Name("_DDN", Aml.String("COM1")),
        Aml.Name(
            "_CRS",
            AmlResource.Template(AmlResource.Interrupt(Arm64Layout.SerialInterrupt), AmlResource.Memory32Fixed(Arm64Layout.Pl011Base, Arm64Layout.PrimeCellSize))));

    /// <summary>fw_cfg (QEMU docs/specs/fw_cfg.rst).</summary>
    private static byte[] FirmwareConfiguration() => Aml.Device(
        "\\_SB_.FWCF",
        Aml.Name("_HID", Aml.String("QEMU0002")),
        Aml.Name("_STA", Aml.Integer(HiddenStatus)),
        Aml.Name("_CCA", Aml.Integer(1)),
        Aml.Name("_CRS", AmlResource.Template(AmlResource.Memory32Fixed(Arm64Layout.FwCfgBase, FwCfg.RegistersLength))));

    private static byte[] EventController() => Aml.Device(
        "\\_SB_.GEC_",
        Hid("PNP0A06"),
        Aml.Name("_STA", Aml.Integer(HiddenStatus)),
        Aml.Name("_UID", Aml.String("Generic Event Controller")),
        Aml.Name("_CRS", AmlResource.Template(AmlResource.Registers(new MemoryRange(Arm64Layout.GenericEventBase, GenericEventDevice.RegistersLength)))),
        Aml.MemoryRegion("GDST", Arm64Layout.GenericEventBase, GenericEventDevice.RegistersLength),
        Aml.Field("GDST", Aml.FieldAccess.Byte, ("GDAT", 8)),

        // ESCN: reading GDAT takes the events.
        Aml.Method(
            "ESCN", 0,
            Aml.Store(Aml.Path("GDAT"), Aml.Local(0)),
            Aml.If(Aml.And(Aml.Local(0), Aml.Integer((ulong)GenericEvent.Pci)), Aml.Call($"{HotplugController}.PSCN")),
            Aml.If(Aml.And(Aml.Local(0), Aml.Integer((ulong)GenericEvent.PowerButton)), Aml.Notify("\\_SB_.PWRB", Aml.Integer(ButtonPressed)))));

    private static byte[] EventDevice() => Aml.Device(
        "\\_SB_.GED_",
        Aml.Name("_HID", Aml.String("ACPI0013")),
        Uid(0),
        Aml.Name("_CRS", AmlResource.Template(AmlResource.Interrupt(Arm64Layout.GenericEventInterrupt))),
        Aml.Method("_EVT", 1, Aml.Call("\\_SB_.GEC_.ESCN")));

    private static byte[] Processors(Arm64AcpiOptions options) => Aml.Device(
        "\\_SB_.CPUS",
        [
            Aml.Name("_HID", Aml.String("ACPI0010")),
            Aml.Name("_CID", Aml.EisaId("PNP0A05")),
            .. Enumerable.Range(0, options.VcpuCount).Select(i => Processor(i, options.Numa.FirstOrDefault(n => n.Cpus.Contains(i)))),
        ]);

    private static byte[] Processor(int index, NumaNode? node) => Aml.Device(
        $"C{index:X3}",
        Aml.Name("_HID", Aml.String("ACPI0007")),
        Uid((ulong)index),
        Aml.Name("_STA", Aml.Integer(PresentStatus)),
        node is null ? [] : Aml.Name("_PXM", Aml.Integer(node.Id)));
}
