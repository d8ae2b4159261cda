// The tables of the instruction set, made ahead on a thread of their own.
using System.Runtime.CompilerServices;
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.SystemLevel;

namespace Emu.Machine.Engines;

/// <summary>
/// What every machine needs and no option changes. Thousands of rows, each with its functions: 10 ms that would pass between the command and the
/// guest's first instruction.
/// </summary>
public static class EngineTables
{
    private static Thread? thread;

    /// <summary>Begins to make them; whoever needs one before it is done waits for it.</summary>
    public static void Prepare()
    {
        thread = new Thread(static () =>
        {
            RuntimeHelpers.RunClassConstructor(typeof(SystemRegisterTable).TypeHandle);
            RuntimeHelpers.RunClassConstructor(typeof(A64Decoder).TypeHandle);
        })
        {
            IsBackground = true,
            Name = "tables",
        };
        thread.Start();
    }

    /// <summary>Waits until they are made, where <see cref="Prepare"/> was called: the guest is to find them.</summary>
    public static void Await() => thread?.Join();
}
