// The IL back end: a region becomes one DynamicMethod.
using System.Reflection;
using System.Reflection.Emit;
using System.Runtime.CompilerServices;

namespace Emu.Cpu.Jit.Il;

/// <summary>Compiles regions through System.Reflection.Emit; RyuJIT makes the machine code at once.</summary>
public sealed class IlBackEnd : ICompilerBackEnd
{
    private static readonly Type[] Parameters = [typeof(nint)];

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
        return new CompiledCode(handle.GetFunctionPointer(), method, 512 + (il.ILOffset * 2));
    }
}
