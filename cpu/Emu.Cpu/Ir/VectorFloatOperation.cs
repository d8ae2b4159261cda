// What the micro-op FVector computes, for engines that do it with the host's vectors.
namespace Emu.Cpu.Ir;

/// <summary>C of <see cref="MicroOpKind.FVector"/>. The values lie above every slot.</summary>
[Flags]
public enum VectorFloatOperation : ushort
{
    /// <summary>None that engines know: the helper is called.</summary>
    None = 0,

    /// <summary>D = A + B.</summary>
    Add = 0x8001,

    /// <summary>D = A - B.</summary>
    Subtract = 0x8002,

    /// <summary>D = A * B.</summary>
    Multiply = 0x8003,

    /// <summary>D = A / B.</summary>
    Divide = 0x8004,

    /// <summary>D = D + A * B, rounded once.</summary>
    MultiplyAdd = 0x8005,

    /// <summary>D = D - A * B, rounded once.</summary>
    MultiplySubtract = 0x8006,

    /// <summary>Lanes are singles, not doubles.</summary>
    Single = 0x0100,

    /// <summary>B is one element, for all lanes.</summary>
    ByElement = 0x0200,
}
