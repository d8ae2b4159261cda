// The IL back end: a region becomes one DynamicMethod.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Jit.Il;

/// <summary>Compiles regions through System.Reflection.Emit; RyuJIT makes the machine code at once.</summary>
public sealed class IlBackEnd : ICompilerBackEnd
{
    private static readonly Type[] Parameters = [typeof(nint)];

    /// <summary>
    /// What the host keeps for a region beside what grows with its IL, in bytes. Measured in a run that let go of nothing, 8,700 regions of 1.7 KB of IL:
    /// 11 KB each, of them 2.3 KB machine code.
    /// </summary>
    private const int FixedCost = 5 * 1024;

    /// <summary>For each byte of IL.</summary>
    private const int CostPerByte = 4;

    /// <summary>The method's generator, with its buffers and local variables: 8 KB that nothing needs once the method is compiled. Null on a runtime
    /// that keeps it elsewhere.</summary>
    private static readonly FieldInfo? Generator = typeof(DynamicMethod).GetField("_ilGenerator", BindingFlags.Instance | BindingFlags.NonPublic);

    private static readonly MethodInfo GetMethodDescriptor =
        typeof(DynamicMethod).GetMethod("GetMethodDescriptor", BindingFlags.Instance | BindingFlags.NonPublic)
        ?? throw new PlatformNotSupportedException("DynamicMethod has no method descriptor on this runtime");

    /// <inheritdoc/>
    public string Name => "il";

    /// <summary>The guest's floating-point environment; without it every floating-point micro-op calls its helper.</summary>
    public FloatEnvironment? Floats { get; init; }

    /// <inheritdoc/>
    public CompiledCode? Compile(Region region)
    {
        var method = new DynamicMethod("region", typeof(int), Parameters, typeof(IlBackEnd).Module, skipVisibility: true)
        {
            InitLocals = false,
        };
        var il = method.GetILGenerator(4096);
        new RegionEmitter(il, region, Floats).Emit();
        if (il.ILOffset > 60_000)
        {
            return null;
        }

        // Compiled now, on this thread; the handle's pointer is the code's entry.
        var handle = (RuntimeMethodHandle)GetMethodDescriptor.Invoke(method, null)!;
        RuntimeHelpers.PrepareMethod(handle);
        Generator?.SetValue(method, null);
        return new CompiledCode(handle.GetFunctionPointer(), method, FixedCost + (il.ILOffset * CostPerByte));
    }
}
