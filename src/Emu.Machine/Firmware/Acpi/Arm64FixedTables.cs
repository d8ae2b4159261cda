// The small tables of the arm64 machine: FADT, PPTT, GTDT, MCFG, SPCR and DBG2.
using System.Text;
using Emu.Machine.Boards;

namespace Emu.Machine.Firmware.Acpi;

/// <summary>Writes the tables, a layout each.</summary>
public static class Arm64FixedTables
{
    /// <summary>Where the FADT has the DSDT's address.</summary>
    internal const int FadtXDsdtOffset = 140;

    // FADT, 6.3.
    private const byte FadtRevision = 6;
    private const byte FadtMinorRevision = 3;
    private const int FadtLength = 276;
    private const int FadtFlagsOffset = 112;
    private const int FadtArmBootOffset = 129;
    private const int FadtMinorRevisionOffset = 131;
    private const int FadtHypervisorOffset = 268;
    private const uint FadtHardwareReduced = 1 << 20;
    private const uint FadtResetSupported = 1 << 10;
    private const uint FadtTimerExtended = 1 << 8;
    private const int ArmBootPsci = 1;
    private const int ArmBootPsciByHvc = 2;
    private const string Hypervisor = "CLOUDHYP";

    private const byte PpttRevision = 2;
    private const byte PpttProcessorType = 0;
    private const byte PpttProcessorLength = 20;
    private const uint PpttPackage = 1 << 0;
    private const uint PpttIdValid = 1 << 1;
    private const uint PpttLeaf = 1 << 3;

    private const byte GtdtRevision = 2;
    private const ulong GtdtNoCounterBlock = ulong.MaxValue;

    /// <summary>Timer flags: level-sensitive, active high, always on.</summary>
    private const uint GtdtAlwaysOn = 1 << 2;

    private const byte McfgRevision = 1;

    private const byte SpcrRevision = 2;
    private const byte SpcrPl011 = 3;
    private const byte SpcrGicInterrupt = 1 << 3;
    private const byte SpcrBaud115200 = 7;
    private const byte SpcrOneStopBit = 1;
    private const int SpcrNoPciDevice = 0xFFFF;

    private const byte Dbg2Revision = 0;
    private const int Dbg2InformationOffset = AcpiTable.HeaderLength + 8;
    private const int Dbg2DeviceLength = 22;
    private const int Dbg2AddressLength = 12;
    private const int Dbg2Serial = 0x8000;
    private const int Dbg2Pl011 = 3;
    private const string Dbg2Path = "\\_SB_.COM1";

    /// <summary>The FADT: no fixed hardware, power states through PSCI by HVC.</summary>
    /// <param name="dsdt">Guest-physical address of the DSDT.</param>
    public static byte[] FixedDescription(ulong dsdt) =>
        new AcpiTable("FACP", FadtRevision)
            .Zeroes(FadtFlagsOffset - AcpiTable.HeaderLength).U32(FadtHardwareReduced | FadtResetSupported | FadtTimerExtended)
            .Zeroes(FadtArmBootOffset - FadtFlagsOffset - 4).U16(ArmBootPsci | ArmBootPsciByHvc)
            .Zeroes(FadtMinorRevisionOffset - FadtArmBootOffset - 2).U8(FadtMinorRevision)
            .Zeroes(FadtXDsdtOffset - FadtMinorRevisionOffset - 1).U64(dsdt)
            .Zeroes(FadtHypervisorOffset - FadtXDsdtOffset - 8).Ascii(Hypervisor, FadtLength - FadtHypervisorOffset)
            .Build();

    /// <summary>The PPTT: one package of single-threaded cores.</summary>
    public static byte[] ProcessorTopology(int vcpus)
    {
        var table = new AcpiTable("PPTT", PpttRevision);
        PpttNode(table, PpttPackage, 0, 0);
        for (var i = 0; i < vcpus; i++)
        {
            PpttNode(table, PpttIdValid | PpttLeaf, AcpiTable.HeaderLength, (uint)i);
        }

        return table.Build();
    }

    /// <summary>The GTDT: the four timers' interrupts.</summary>
    public static byte[] GenericTimers()
    {
        var table = new AcpiTable("GTDT", GtdtRevision).U64(GtdtNoCounterBlock).U32(0);
        foreach (var intid in (ReadOnlySpan<int>)[
            Arm64Layout.SecureTimerInterrupt, Arm64Layout.PhysicalTimerInterrupt, Arm64Layout.VirtualTimerInterrupt, Arm64Layout.HypervisorTimerInterrupt])
        {
            table.U32((uint)intid).U32(GtdtAlwaysOn);
        }

        return table.U64(GtdtNoCounterBlock).U32(0).U32(0).Build();
    }

    /// <summary>The MCFG: each segment's configuration space.</summary>
    public static byte[] PciConfiguration(IReadOnlyList<PciSegmentLayout> segments)
    {
        var table = new AcpiTable("MCFG", McfgRevision).U64(0);
        foreach (var segment in segments)
        {
            table.U64(segment.Ecam.Start).U16(segment.Number).U8(0).U8(0).U32(0);
        }

        return table.Build();
    }

    /// <summary>The SPCR: the console is the PL011.</summary>
    public static byte[] SerialConsole() =>
        new AcpiTable("SPCR", SpcrRevision)
            .U8(SpcrPl011).Zeroes(3).MemoryRegisters(Arm64Layout.Pl011Base)
            .U8(SpcrGicInterrupt).U8(0).U32(Arm64Layout.SerialInterrupt)
            .U8(SpcrBaud115200).U8(0).U8(SpcrOneStopBit).U8(0).U8(0).U8(0)
            .U16(SpcrNoPciDevice).U16(SpcrNoPciDevice).Zeroes(12)
            .Build();

    /// <summary>The DBG2: the debug port is the PL011, too.</summary>
    public static byte[] DebugPort()
    {
        var name = Encoding.ASCII.GetBytes(Dbg2Path + "\0");
        const int AddressOffset = Dbg2DeviceLength;
        const int SizeOffset = AddressOffset + Dbg2AddressLength;
        const int NameOffset = SizeOffset + 4;
        return new AcpiTable("DBG2", Dbg2Revision)
            .U32(Dbg2InformationOffset).U32(1)
            .U8(0).U16(NameOffset + name.Length).U8(1).U16(name.Length).U16(NameOffset).U16(0).U16(0)
            .U16(Dbg2Serial).U16(Dbg2Pl011).U16(0).U16(AddressOffset).U16(SizeOffset)
            .MemoryRegisters(Arm64Layout.Pl011Base).U32((uint)Arm64Layout.PrimeCellSize).Bytes(name)
            .Build();
    }

    private static void PpttNode(AcpiTable table, uint flags, uint parent, uint processor) =>
        table.U8(PpttProcessorType).U8(PpttProcessorLength).U16(0).U32(flags).U32(parent).U32(processor).U32(0);
}
