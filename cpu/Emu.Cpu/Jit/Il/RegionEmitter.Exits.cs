// Ways out of a region: few instructions where they are taken from, one shared end that stores everything.
using System.Reflection;
using System.Reflection.Emit;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

internal sealed unsafe partial class RegionEmitter
{
    private const int NoSlot = QuickAccess.NoSlot;
    private const int ReturnSlot = QuickAccess.ReturnSlot;

    /// <summary>Type of jump in its place in a tag, or null: every jump of the region is of type 0.</summary>
    private LocalBuilder? outType;

    private static readonly MethodInfo QuickNext = typeof(QuickAccess).GetMethod(nameof(QuickAccess.Next))!;

    private readonly List<SideExit> sideExits = [];
    private readonly Dictionary<ulong, Label> chainEnds = [];
    private bool hasReturns;

    /// <summary>A micro-op (0: the block's budget check) that leaves to the interpreter, and what is to be stored there.</summary>
    private readonly record struct SideExit(Label Label, RegionBlock Block, nint Op, ulong Dirty, FlagKind Flags);

    /// <summary>A label that leaves to the interpreter at <paramref name="op"/>.</summary>
    private Label ResumeAt(MicroOp* op) => SideExitAt((nint)op);

    private Label SideExitAt(nint op)
    {
        var label = il.DefineLabel();
        sideExits.Add(new SideExit(label, current, op, dirty, flags));
        return label;
    }

    /// <summary>Leaves the block by an exit: to a block of the region, by a link, or through the jump cache.</summary>
    private void EmitExit(int slot, long target, bool mayLink)
    {
        var next = slot == 0 ? current.Next0 : current.Next1;
        if (next >= 0)
        {
            FlagsAsExpectedBy(next);
            il.Emit(OpCodes.Br, blockLabels[next]);
            return;
        }

        PushReturn();
        PushPc(current.Delta + target);
        il.Emit(OpCodes.Stloc, outPc);
        if (mayLink)
        {
            il.Emit(OpCodes.Ldc_I8, (long)current.Handle);
            il.Emit(OpCodes.Stloc, outBlock);
        }

        EmitChain(mayLink ? slot : NoSlot);
    }

    private void FlagsAsExpectedBy(int next)
    {
        var kind = flow.FlagsAtStart(next);
        if (kind == FlagKind.Dynamic)
        {
            FlagKindToLocal();
        }
        else if (kind != flags)
        {
            throw new InvalidOperationException($"flags are held as {flags} on the way to a block that expects {kind}");
        }
    }

    /// <summary>A return to <see cref="outPc"/>: behind a call of the region, or where the predictor or the jump cache say.</summary>
    private void EmitReturn()
    {
        foreach (var point in region.ReturnPoints)
        {
            // The same virtual address in this page is the same block: the region is taken away when it is not.
            FlagsAsExpectedBy(point);
            il.Emit(OpCodes.Ldloc, outPc);
            PushPc(region.Blocks[point].Delta);
            il.Emit(OpCodes.Beq, blockLabels[point]);
        }

        hasReturns = true;
        EmitChain(ReturnSlot);
    }

    /// <summary>At an exit that calls: the block behind the call becomes the newest of the predictor, with its address as tag.</summary>
    private void PushReturn()
    {
        if (!current.IsCall || current.ReturnHandle == 0)
        {
            return;
        }

        LoadState(ReturnTopOffset);
        il.Emit(OpCodes.Ldc_I8, (long)sizeof(JumpCacheEntry));
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldc_I8, (long)CpuState.ReturnTopMask);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Stloc, entry);
        Address(ReturnTopOffset);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Stind_I8);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(CpuState.ReturnsOffset);
        PushPc(current.Delta + current.Block->Length);
        LoadState(PcTagOffset);
        il.Emit(OpCodes.Xor);
        il.Emit(OpCodes.Stind_I8);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(CpuState.ReturnsOffset + JumpCacheTargetOffset);
        il.Emit(OpCodes.Ldc_I8, (long)current.ReturnHandle);
        il.Emit(OpCodes.Stind_I8);
    }

    /// <summary>Goes to where everything is stored and the next block is looked for; <see cref="outPc"/> is set, and with a slot <see cref="outBlock"/>.</summary>
    private void EmitChain(int slot)
    {
        FlagKindToLocal();
        il.Emit(OpCodes.Ldc_I4, slot);
        il.Emit(OpCodes.Stloc, outCode);
        var mask = dirty & ~TemporaryMask;
        if (!chainEnds.TryGetValue(mask, out var end))
        {
            chainEnds[mask] = end = il.DefineLabel();
        }

        il.Emit(OpCodes.Br, end);
    }

    /// <summary>Notes a jump of a type other than 0; all others have retired more than the last of these when they are asked.</summary>
    private void EmitArrival(uint type)
    {
        if (type == 0)
        {
            return;
        }

        Address(CpuState.BranchStampOffset);
        il.Emit(OpCodes.Ldloc, retired);
        il.Emit(OpCodes.Ldc_I4_2);
        il.Emit(OpCodes.Shl);
        il.Emit(OpCodes.Ldc_I8, (long)type);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stind_I8);
        il.Emit(OpCodes.Ldc_I8, (long)type << JumpCacheEntry.TypeShift);
        il.Emit(OpCodes.Stloc, outType!);
    }

    private void EmitExits()
    {
        EmitSideExits();
        if (chainEnds.Count != 0)
        {
            EmitChainEnds();
        }
    }

    /// <summary>
    /// Side exits name their place and fall into the stores. Along straight code the registers to store only grow in number: the exit with most
    /// comes first and runs into the others.
    /// </summary>
    private void EmitSideExits()
    {
        var ends = new SortedDictionary<ulong, Label>(Comparer<ulong>.Create((a, b) =>
        {
            var order = System.Numerics.BitOperations.PopCount(b).CompareTo(System.Numerics.BitOperations.PopCount(a));
            return order != 0 ? order : a.CompareTo(b);
        }));
        foreach (var exit in sideExits)
        {
            il.MarkLabel(exit.Label);
            current = exit.Block;
            flags = exit.Flags;
            FlagKindToLocal();
            il.Emit(OpCodes.Ldc_I8, exit.Op != 0 ? exit.Op : current.Handle);
            il.Emit(OpCodes.Stloc, outOp);
            if (region.Blocks.Count > 1)
            {
                NameBlock();
            }

            if (!ends.TryGetValue(exit.Dirty, out var end))
            {
                ends[exit.Dirty] = end = il.DefineLabel();
            }

            il.Emit(OpCodes.Br, end);
        }

        if (ends.Count == 0)
        {
            return;
        }

        var last = il.DefineLabel();
        var masks = ends.Keys.ToArray();
        for (var i = 0; i < masks.Length; i++)
        {
            il.MarkLabel(ends[masks[i]]);
            var below = i + 1 < masks.Length ? masks[i + 1] : 0;
            var nested = (below & ~masks[i]) == 0;
            SpillRegisters(nested ? masks[i] & ~below : masks[i]);
            if (!nested)
            {
                il.Emit(OpCodes.Br, last);
            }
        }

        il.MarkLabel(last);
        if (region.Blocks.Count == 1)
        {
            NameBlock();
        }

        StoreForExit();
        Address(SideBlockOffset);
        il.Emit(OpCodes.Ldloc, outBlock);
        il.Emit(OpCodes.Stind_I8);
        Address(SideOpOffset);
        il.Emit(OpCodes.Ldloc, outOp);
        il.Emit(OpCodes.Stind_I8);

        // The budget's exits have no micro-op.
        var resume = il.DefineLabel();
        il.Emit(OpCodes.Ldloc, outOp);
        il.Emit(OpCodes.Ldloc, outBlock);
        il.Emit(OpCodes.Bne_Un, resume);
        Return(CompiledExit.Limit);
        il.MarkLabel(resume);
        Return(CompiledExit.Resume);

        void NameBlock()
        {
            il.Emit(OpCodes.Ldc_I8, (long)current.Handle);
            il.Emit(OpCodes.Stloc, outBlock);
            PushPc(current.Delta);
            il.Emit(OpCodes.Stloc, outPc);
        }
    }

    /// <summary>Stores the flags in the form they have, the retired count and the PC.</summary>
    private void StoreForExit()
    {
        if (writesFlags)
        {
            var asTheyAre = il.DefineLabel();
            il.Emit(OpCodes.Ldloc, flagKind);
            il.Emit(OpCodes.Brfalse, asTheyAre);
            Address(LazyKindOffset);
            il.Emit(OpCodes.Ldloc, flagKind);
            il.Emit(OpCodes.Stind_I4);
            Address(LazyAOffset);
            il.Emit(OpCodes.Ldloc, flagA);
            il.Emit(OpCodes.Stind_I8);
            Address(LazyBOffset);
            il.Emit(OpCodes.Ldloc, flagB);
            il.Emit(OpCodes.Stind_I8);
            il.MarkLabel(asTheyAre);
        }

        StoreRetired();
        Address(CpuState.PcOffset);
        il.Emit(OpCodes.Ldloc, outPc);
        il.Emit(OpCodes.Stind_I8);
    }

    /// <summary>Asks a helper for the code that comes next.</summary>
    private void EmitQuickChain()
    {
        var go = il.DefineLabel();
        il.Emit(OpCodes.Ldarg_0);
        Constant(region.Blocks[0].Handle);
        il.Emit(OpCodes.Ldloc, outCode);
        il.Emit(OpCodes.Call, QuickNext);
        il.Emit(OpCodes.Stloc, va);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Ldc_I8, (long)CompiledExit.LinkWanted);
        il.Emit(OpCodes.Bgt_Un, go);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Conv_I4);
        il.Emit(OpCodes.Ret);
        il.MarkLabel(go);
        EmitTailCall();
    }

    /// <summary>Goes to the code at <see cref="va"/>.</summary>
    private void EmitTailCall()
    {
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Tailcall);
        il.EmitCalli(OpCodes.Calli, CallingConventions.Standard, typeof(int), [typeof(nint)], null);
        il.Emit(OpCodes.Ret);
    }

    /// <summary>For a return, goes on to the newest entry of the predictor and takes it off, when it is for <see cref="outPc"/> and its block valid.</summary>
    private void EmitPredictor(Label found)
    {
        var elsewhere = il.DefineLabel();
        il.Emit(OpCodes.Ldloc, outCode);
        il.Emit(OpCodes.Ldc_I4, ReturnSlot);
        il.Emit(OpCodes.Bne_Un, elsewhere);
        LoadState(ReturnTopOffset);
        il.Emit(OpCodes.Stloc, va);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(CpuState.ReturnsOffset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldloc, outPc);
        LoadState(PcTagOffset);
        il.Emit(OpCodes.Xor);
        il.Emit(OpCodes.Bne_Un, elsewhere);
        Address(ReturnTopOffset);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Ldc_I8, (long)sizeof(JumpCacheEntry));
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Ldc_I8, (long)CpuState.ReturnTopMask);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Stind_I8);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(CpuState.ReturnsOffset + JumpCacheTargetOffset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldc_I8, (long)key);
        il.Emit(OpCodes.Bne_Un, elsewhere);
        Increment(ReturnHitsOffset);
        il.Emit(OpCodes.Br, found);
        il.MarkLabel(elsewhere);
    }

    private void Increment(int slot)
    {
        Address(slot);
        LoadState(slot);
        il.Emit(OpCodes.Ldc_I8, 1L);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stind_I8);
    }

    private void EmitChainEnds()
    {
        var stored = il.DefineLabel();
        foreach (var (mask, label) in chainEnds)
        {
            il.MarkLabel(label);
            SpillRegisters(mask);
            if (chainEnds.Count > 1)
            {
                il.Emit(OpCodes.Br, stored);
            }
        }

        il.MarkLabel(stored);
        StoreForExit();
        var linked = il.DefineLabel();
        var compiled = il.DefineLabel();
        var found = il.DefineLabel();
        var miss = il.DefineLabel();
        if (region.Tier == CompileTier.Quick)
        {
            EmitQuickChain();
            return;
        }

        il.Emit(OpCodes.Ldloc, outCode);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Bge, linked);
        if (hasReturns)
        {
            EmitPredictor(found);
        }

        // entry = s->JumpCache + Index(pc, type)
        LoadState(JumpCacheOffset);
        il.Emit(OpCodes.Ldloc, outPc);
        il.Emit(OpCodes.Ldc_I4_2);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Ldloc, outPc);
        il.Emit(OpCodes.Ldc_I4, 2 + JumpCacheEntry.Bits);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Xor);
        il.Emit(OpCodes.Ldloc, outPc);
        il.Emit(OpCodes.Ldc_I4, JumpCacheEntry.TypeShift);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Xor);
        XorType(JumpCacheEntry.TypeShift - JumpCacheEntry.TypeIndexShift);
        il.Emit(OpCodes.Ldc_I8, (1L << JumpCacheEntry.Bits) - 1);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldc_I4_4);
        il.Emit(OpCodes.Shl);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldloc, outPc);
        LoadState(PcTagOffset);
        il.Emit(OpCodes.Xor);
        XorType(0);
        il.Emit(OpCodes.Bne_Un, miss);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldc_I4_8);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldc_I8, (long)key);
        il.Emit(OpCodes.Beq, found);
        il.MarkLabel(miss);
        Return(CompiledExit.Left);

        // n = outBlock->Next[slot]; n == null: ask for a link; n->Code == null: the interpreter runs it; else go there.
        il.MarkLabel(linked);
        il.Emit(OpCodes.Ldloc, outBlock);
        il.Emit(OpCodes.Ldloc, outCode);
        il.Emit(OpCodes.Conv_I8);
        il.Emit(OpCodes.Ldc_I4_3);
        il.Emit(OpCodes.Shl);
        il.Emit(OpCodes.Add);
        Displace(Next0Offset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Brtrue, found);
        Address(LinkFromOffset);
        il.Emit(OpCodes.Ldloc, outBlock);
        il.Emit(OpCodes.Stind_I8);
        Address(LinkSlotOffset);
        il.Emit(OpCodes.Ldloc, outCode);
        il.Emit(OpCodes.Stind_I4);
        Return(CompiledExit.LinkWanted);

        il.MarkLabel(found);
        il.Emit(OpCodes.Ldloc, entry);
        Displace(CodeOffset);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, va);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Brtrue, compiled);
        Return(CompiledExit.Left);
        il.MarkLabel(compiled);
        Increment(ChainHitsOffset);
        EmitTailCall();
    }

    /// <summary>XORs the type of jump, shifted right from its place in a tag, into what is on the stack.</summary>
    private void XorType(int shift)
    {
        if (outType == null)
        {
            return;
        }

        il.Emit(OpCodes.Ldloc, outType);
        if (shift != 0)
        {
            il.Emit(OpCodes.Ldc_I4, shift);
            il.Emit(OpCodes.Shr_Un);
        }

        il.Emit(OpCodes.Xor);
    }
}
