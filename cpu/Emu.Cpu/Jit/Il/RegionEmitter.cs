// Emits the IL of a region: guest registers in locals, lazy flags, side exits to the interpreter, chaining by tail calls.
using System.Reflection.Emit;
using Emu.Cpu.Blocks;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Jit.Il;

/// <summary>
/// One region's emission. The method is CompiledExit F(CpuState* s), entered with Pc at the first block. General registers live in locals
/// from entry to exit; an exit stores those the region writes. An access that fails its TLB probe leaves to the interpreter at that micro-op,
/// with the temporaries of its instruction stored: nothing before it runs twice, and compiled code contains no slow path.
/// </summary>
internal sealed unsafe partial class RegionEmitter
{
    private const int SlotCount = 64;

    private readonly ILGenerator il;
    private readonly Region region;
    private readonly LocalBuilder?[] registers = new LocalBuilder?[SlotCount];
    private readonly Label[] blockLabels;
    private readonly List<SideExit> sideExits = [];
    private readonly LocalBuilder pc;
    private readonly LocalBuilder retired;
    private readonly LocalBuilder tlb;
    private readonly LocalBuilder va;
    private readonly LocalBuilder entry;
    private readonly LocalBuilder flagKind;
    private readonly LocalBuilder flagA;
    private readonly LocalBuilder flagB;
    private readonly LocalBuilder condition;
    private readonly Label jumpCacheExit;
    private readonly ulong key;
    private readonly bool hasInternalEdges;
    private readonly bool writesFlags;
    private ulong written;
    private ulong used;
    private ulong dirty;
    private FlagKind flags;
    private RegionBlock current = null!;
    private bool usesJumpCache;

    private readonly record struct SideExit(Label Label, RegionBlock Block, nint Op, ulong Dirty, FlagKind Flags);

    public RegionEmitter(ILGenerator il, Region region)
    {
        this.il = il;
        this.region = region;
        key = region.Blocks[0].Block->Key;
        blockLabels = new Label[region.Blocks.Count];
        for (var i = 0; i < blockLabels.Length; i++)
        {
            blockLabels[i] = il.DefineLabel();
            hasInternalEdges |= region.Blocks[i].Next0 >= 0 || region.Blocks[i].Next1 >= 0;
        }

        foreach (var b in region.Blocks)
        {
            for (var i = 0; i < b.Block->OpCount; i++)
            {
                var op = b.Block->Ops + i;
                var traits = MicroOpTable.Traits(op->Kind);
                writesFlags |= (traits & MicroOpTraits.WritesFlags) != 0;
                ScanRegisters(op, traits);
            }
        }

        pc = il.DeclareLocal(typeof(long));
        retired = il.DeclareLocal(typeof(long));
        tlb = il.DeclareLocal(typeof(long));
        va = il.DeclareLocal(typeof(long));
        entry = il.DeclareLocal(typeof(long));
        flagKind = il.DeclareLocal(typeof(int));
        flagA = il.DeclareLocal(typeof(long));
        flagB = il.DeclareLocal(typeof(long));
        condition = il.DeclareLocal(typeof(int));
        jumpCacheExit = il.DefineLabel();
    }

    public void Emit()
    {
        LoadState(CpuState.PcOffset);
        il.Emit(OpCodes.Stloc, pc);
        LoadState(RetiredOffset);
        il.Emit(OpCodes.Stloc, retired);
        LoadState(TlbOffset);
        il.Emit(OpCodes.Stloc, tlb);
        for (var i = 0; i < SlotCount; i++)
        {
            if ((used & (1UL << i)) != 0)
            {
                registers[i] = il.DeclareLocal(typeof(long));
                if (!IsTemporary(i))
                {
                    LoadState((ushort)(i * 8));
                    il.Emit(OpCodes.Stloc, registers[i]!);
                }
            }
        }

        if (hasInternalEdges && writesFlags)
        {
            il.Emit(OpCodes.Ldc_I4, (int)FlagKind.Memory);
            il.Emit(OpCodes.Stloc, flagKind);
            il.Emit(OpCodes.Ldc_I8, 0L);
            il.Emit(OpCodes.Stloc, flagA);
            il.Emit(OpCodes.Ldc_I8, 0L);
            il.Emit(OpCodes.Stloc, flagB);
        }

        for (var i = 0; i < region.Blocks.Count; i++)
        {
            EmitBlock(region.Blocks[i], i);
        }

        foreach (var exit in sideExits)
        {
            EmitSideExit(exit);
        }

        if (usesJumpCache)
        {
            EmitJumpCacheExit();
        }
    }

    private void EmitBlock(RegionBlock b, int index)
    {
        current = b;
        il.MarkLabel(blockLabels[index]);
        dirty = hasInternalEdges ? written : 0;
        flags = hasInternalEdges && writesFlags ? FlagKind.Dynamic : FlagKind.Memory;

        // The one check of a block: retired + count must not pass the limit.
        var limit = il.DefineLabel();
        il.Emit(OpCodes.Ldloc, retired);
        il.Emit(OpCodes.Ldc_I8, (long)b.Block->Count);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, retired);
        il.Emit(OpCodes.Ldloc, retired);

        // Volatile: other threads zero it, and the compiler of the IL hoists plain loads out of a loop that stores nothing, guest loads included.
        Address(LimitOffset);
        il.Emit(OpCodes.Volatile);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Bgt_Un, limit);
        sideExits.Add(new SideExit(limit, b, 0, dirty, flags));

        for (var i = 0; i < b.Block->OpCount; i++)
        {
            var op = b.Block->Ops + i;
            if (i > 0 && op->Left != op[-1].Left)
            {
                // Temporaries end with their instruction: none is stored for a later one.
                dirty &= ~TemporaryMask;
            }

            EmitOp(op);
        }
    }

    private void EmitSideExit(in SideExit exit)
    {
        il.MarkLabel(exit.Label);
        current = exit.Block;
        dirty = exit.Dirty;
        flags = exit.Flags;
        SpillRegisters(dirty);
        StoreFlagsOutOfLine();
        StorePc(exit.Block.Delta);
        if (exit.Op == 0)
        {
            // The block was not entered.
            il.Emit(OpCodes.Ldarg_0);
            il.Emit(OpCodes.Ldc_I4, (int)RetiredOffset);
            il.Emit(OpCodes.Add);
            il.Emit(OpCodes.Ldloc, retired);
            il.Emit(OpCodes.Ldc_I8, (long)exit.Block.Block->Count);
            il.Emit(OpCodes.Sub);
            il.Emit(OpCodes.Stind_I8);
            Return(CompiledExit.Limit);
            return;
        }

        StoreRetired();
        StoreSide(exit.Block.Handle, exit.Op);
        Return(CompiledExit.Resume);
    }

    /// <summary>A label that leaves to the interpreter at <paramref name="op"/>.</summary>
    private Label ResumeAt(MicroOp* op)
    {
        var label = il.DefineLabel();
        sideExits.Add(new SideExit(label, current, (nint)op, dirty, flags));
        return label;
    }

    /// <summary>Leaves the block by an exit: to a block of the region, by a link, or through the jump cache.</summary>
    private void EmitExit(int slot, long target, bool mayLink)
    {
        var next = slot == 0 ? current.Next0 : current.Next1;
        if (next >= 0)
        {
            MergeFlags();
            il.Emit(OpCodes.Br, blockLabels[next]);
            return;
        }

        SpillRegisters(dirty & ~TemporaryMask);
        StoreFlags();
        StoreRetired();
        StorePc(current.Delta + target);
        if (!mayLink)
        {
            usesJumpCache = true;
            il.Emit(OpCodes.Br, jumpCacheExit);
            return;
        }

        // n = block->Next; n == null: ask for a link; n->Code == null: the interpreter runs it; else go there.
        var linked = il.DefineLabel();
        var compiled = il.DefineLabel();
        Constant(current.Handle + (slot == 0 ? Next0Offset : Next1Offset));
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Brtrue, linked);
        StoreConstant(LinkFromOffset, current.Handle);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldc_I4, LinkSlotOffset);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldc_I4, slot);
        il.Emit(OpCodes.Stind_I4);
        Return(CompiledExit.LinkWanted);

        il.MarkLabel(linked);
        EnterTarget(compiled);
    }

    /// <summary>Goes to the block in <see cref="entry"/>, compiled or not.</summary>
    private void EnterTarget(Label compiled)
    {
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldc_I4, CodeOffset);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, va);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Brtrue, compiled);
        Return(CompiledExit.Left);
        il.MarkLabel(compiled);
        il.Emit(OpCodes.Ldarg_0);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Conv_I);
        il.Emit(OpCodes.Tailcall);
        il.EmitCalli(OpCodes.Calli, System.Reflection.CallingConventions.Standard, typeof(int), [typeof(nint)], null);
        il.Emit(OpCodes.Ret);
    }

    /// <summary>The shared end of indirect and cross-page exits: s->Pc is set, everything is stored.</summary>
    private void EmitJumpCacheExit()
    {
        il.MarkLabel(jumpCacheExit);
        var miss = il.DefineLabel();
        var compiled = il.DefineLabel();

        // entry = s->JumpCache + Index(pc)
        LoadState(CpuState.PcOffset);
        il.Emit(OpCodes.Stloc, va);
        LoadState(JumpCacheOffset);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Ldc_I4_2);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Ldloc, va);
        il.Emit(OpCodes.Ldc_I4, 2 + JumpCacheEntry.Bits);
        il.Emit(OpCodes.Shr_Un);
        il.Emit(OpCodes.Xor);
        il.Emit(OpCodes.Ldc_I8, (1L << JumpCacheEntry.Bits) - 1);
        il.Emit(OpCodes.And);
        il.Emit(OpCodes.Ldc_I4_4);
        il.Emit(OpCodes.Shl);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, entry);

        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldloc, va);
        LoadState(PcTagOffset);
        il.Emit(OpCodes.Xor);
        il.Emit(OpCodes.Bne_Un, miss);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldc_I4_8);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Stloc, entry);
        il.Emit(OpCodes.Ldloc, entry);
        il.Emit(OpCodes.Ldind_I8);
        il.Emit(OpCodes.Ldc_I8, (long)key);
        il.Emit(OpCodes.Bne_Un, miss);
        EnterTarget(compiled);
        il.MarkLabel(miss);
        Return(CompiledExit.Left);
    }

    private void ScanRegisters(MicroOp* op, MicroOpTraits traits)
    {
        if ((traits & MicroOpTraits.Vector) != 0)
        {
            // Only the address operands of vector memory micro-ops, and the source of a broadcast, are general slots.
            Use(op->A);
            Use(op->B);
            return;
        }

        if ((traits & MicroOpTraits.Helper) != 0)
        {
            Use(op->A);
            Use(op->B);
            Use(op->C);
            Use(op->D);
            Write(op->D);
            return;
        }

        if ((traits & MicroOpTraits.ReadsA) != 0)
        {
            Use(op->A);
        }

        if ((traits & (MicroOpTraits.ReadsB | MicroOpTraits.WritesB)) != 0)
        {
            Use(op->B);
        }

        if ((traits & MicroOpTraits.ReadsC) != 0)
        {
            Use(op->C);
        }

        if ((traits & (MicroOpTraits.ReadsD | MicroOpTraits.WritesD)) != 0)
        {
            Use(op->D);
        }

        if ((traits & MicroOpTraits.WritesD) != 0)
        {
            Write(op->D);
        }

        if ((traits & MicroOpTraits.WritesB) != 0)
        {
            Write(op->B);
        }
    }

    private void Use(ushort slot)
    {
        if (IsRegister(slot))
        {
            used |= 1UL << (slot >> 3);
        }
    }

    private void Write(ushort slot)
    {
        if (IsRegister(slot) && !IsTemporary(slot >> 3))
        {
            written |= 1UL << (slot >> 3);
        }
    }
}
