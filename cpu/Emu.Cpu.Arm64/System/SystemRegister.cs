// A row of the system-register table: encoding, name, access rules, storage and side effects.
namespace Emu.Cpu.Arm64.SystemLevel;

/// <summary>Which directions exist.</summary>
[Flags]
public enum RegisterAccess
{
    /// <summary>MRS.</summary>
    Read = 1,

    /// <summary>MSR.</summary>
    Write = 2,

    /// <summary>Both.</summary>
    ReadWrite = 3,
}

/// <summary>What a write to a slot does beyond storing.</summary>
[Flags]
public enum RegisterEffects
{
    /// <summary>Nothing: micro-ops may write the slot.</summary>
    None = 0,

    /// <summary>Changes the block key (<see cref="Arm64Vcpu.ModeChanged"/>).</summary>
    Mode = 1,

    /// <summary>Changes what cached translations gave.</summary>
    Translation = 2,

    /// <summary>Changes the ASID or TTBR0 from the next context synchronization event on.</summary>
    Context = 4,

    /// <summary>Changes which breakpoints and watchpoints there are.</summary>
    Debug = 8,
}

/// <summary>One register.</summary>
public sealed class SystemRegister
{
    /// <summary>op0[15:14] op1[13:11] CRn[10:7] CRm[6:3] op2[2:0]: bits 20:5 of the instruction.</summary>
    public required ushort Encoding { get; init; }

    /// <summary>The manual's name.</summary>
    public required string Name { get; init; }

    /// <summary>Lowest exception level at which it is not UNDEFINED.</summary>
    public required int MinimumLevel { get; init; }

    /// <summary>Directions.</summary>
    public required RegisterAccess Access { get; init; }

    /// <summary>Offset of its slot in <see cref="Arm64State"/>; 0: none, <see cref="ReadValue"/> and <see cref="WriteValue"/> do it all.</summary>
    public ushort Slot { get; init; }

    /// <summary>Bits a write changes; the others are RES0.</summary>
    public ulong WriteMask { get; init; } = ulong.MaxValue;

    /// <summary>Bits that read as one.</summary>
    public ulong Res1 { get; init; }

    /// <summary>What a write does.</summary>
    public RegisterEffects Effects { get; init; }

    /// <summary>Feature without which it is UNDEFINED; null: always there.</summary>
    public A64Feature? Feature { get; init; }

    /// <summary>Value of a read when it is not simply the slot.</summary>
    public Func<Arm64Vcpu, ulong>? ReadValue { get; init; }

    /// <summary>A write when it is not simply the slot; gets the unmasked value.</summary>
    public Action<Arm64Vcpu, ulong>? WriteValue { get; init; }

    /// <summary>Whether EL0 may access it now (second argument: the access is a read); if not, the access traps with EC 0x18.</summary>
    public Func<Arm64Vcpu, bool, bool>? UserMay { get; init; }

    /// <summary>A write at EL0 is UNDEFINED.</summary>
    public bool UserReadOnly { get; init; }

    /// <summary>MRS is a move from the slot.</summary>
    public bool PlainRead => Slot != 0 && ReadValue == null;

    /// <summary>MSR is a masked move to the slot.</summary>
    public bool PlainWrite => Slot != 0 && WriteValue == null && Effects == RegisterEffects.None;

    /// <summary>Encoding from its parts.</summary>
    public static ushort Encode(uint op0, uint op1, uint crn, uint crm, uint op2) => (ushort)((op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2);

    /// <inheritdoc/>
    public override string ToString() => Name;
}
