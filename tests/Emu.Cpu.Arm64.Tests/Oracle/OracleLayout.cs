// The address map and record sizes shared with the runner in testroms/oracle/runner.s.
namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Where a test case finds its memory and code; the same virtual addresses in the reference and in Emu.</summary>
public static class OracleLayout
{
    /// <summary>Two accessible pages; <see cref="Window"/> lies across their border.</summary>
    public const ulong Scratch = 0x4000_0000;

    /// <summary>Bytes of <see cref="Scratch"/>.</summary>
    public const ulong ScratchSize = 0x2000;

    /// <summary>The memory whose contents are set and compared.</summary>
    public const ulong Window = 0x4000_0E00;

    /// <summary>Bytes of <see cref="Window"/>.</summary>
    public const int WindowSize = 1024;

    /// <summary>Code slots.</summary>
    public const ulong Code = 0x4001_0000;

    /// <summary>Bytes of the code area.</summary>
    public const ulong CodeSize = 0x4_0000;

    /// <summary>Where a case branches when it is done; not mapped in Emu.</summary>
    public const ulong Exit = 0x4006_0000;

    /// <summary>Bytes of a slot: the runner's entry instruction, then <see cref="MaximumWords"/>.</summary>
    public const int SlotSize = 640;

    /// <summary>Words of a code, the branch to <see cref="Exit"/> included.</summary>
    public const int MaximumWords = (SlotSize / 4) - 1;

    /// <summary>Slots.</summary>
    public const int Slots = (int)CodeSize / SlotSize;

    /// <summary>First word of a batch.</summary>
    public const uint Magic = 0x3143_4F45;

    /// <summary>Bytes of a <see cref="OracleState"/>.</summary>
    public const int StateSize = 800;

    /// <summary>Bytes of an answer without memory: state, outcome, hash.</summary>
    public const int RecordSize = StateSize + 16;

    /// <summary>Address of a slot's first word.</summary>
    public static ulong CodeAddress(int slot) => Code + ((ulong)slot * SlotSize) + 4;

    /// <summary>The hash the runner computes of the window.</summary>
    public static unsafe ulong Hash(byte* window)
    {
        ulong hash = 0;
        for (var i = 0; i < WindowSize; i += 8)
        {
            hash = ulong.RotateRight((hash ^ *(ulong*)(window + i)) * 0x9E37_79B9_7F4A_7C15, 29);
        }

        return hash;
    }
}

/// <summary>How a case ended: zero, or the number of the signal Linux sends for it.</summary>
public static class OracleOutcome
{
    /// <summary>Reached the exit.</summary>
    public const ulong Done = 0;

    /// <summary>SIGILL: UNDEFINED, or a pointer that failed to authenticate.</summary>
    public const ulong Undefined = 4;

    /// <summary>SIGTRAP: BRK.</summary>
    public const ulong Breakpoint = 5;

    /// <summary>SIGBUS: alignment.</summary>
    public const ulong Alignment = 7;

    /// <summary>SIGSEGV: translation or permission fault.</summary>
    public const ulong Fault = 11;

    /// <summary>Name for reports.</summary>
    public static string Name(ulong outcome) => outcome switch
    {
        Done => "done",
        Undefined => "UNDEFINED",
        Breakpoint => "breakpoint",
        Alignment => "alignment fault",
        Fault => "data abort",
        _ => $"signal {outcome}",
    };
}
