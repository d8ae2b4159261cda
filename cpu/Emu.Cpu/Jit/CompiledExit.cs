// What compiled code tells the interpreter that entered it.
namespace Emu.Cpu.Jit;

/// <summary>Result of compiled code.</summary>
public enum CompiledExit
{
    /// <summary>PC is set; the next block has no compiled code or is not known yet.</summary>
    Left = 0,

    /// <summary>PC is the address of <see cref="CpuState.SideBlock"/>, from where the region would pass the limit.</summary>
    Limit = 1,

    /// <summary>As Left, and the exit in <see cref="CpuState.LinkFrom"/> wants a link.</summary>
    LinkWanted = 2,

    /// <summary>The interpreter goes on with <see cref="CpuState.SideOp"/> of <see cref="CpuState.SideBlock"/> (an access that needs the slow path).</summary>
    Resume = 3,

    /// <summary>A helper returned <see cref="CpuState.SideStatus"/> for <see cref="CpuState.SideOp"/>.</summary>
    HelperStatus = 4,

    /// <summary>PC is set; the mode may have changed: the outer loop looks first.</summary>
    OuterLoop = 5,

    /// <summary>Nothing happened yet: the block of <see cref="CpuState.SideBlock"/>, at PC, has run often enough to be compiled as a region.</summary>
    Promote = 6,
}

/// <summary>Where a block is on its way through the compiler.</summary>
public enum CompileState
{
    /// <summary>Never asked for.</summary>
    None = 0,

    /// <summary>In the queue or being compiled.</summary>
    Queued = 1,

    /// <summary>Has compiled code.</summary>
    Compiled = 2,

    /// <summary>Not worth it, or not possible; stays interpreted.</summary>
    Refused = 3,

    /// <summary>Has the code of the lower tier.</summary>
    Quick = 4,
}
