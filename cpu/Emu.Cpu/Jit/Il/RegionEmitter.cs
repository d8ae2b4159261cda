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
    private readonly RegionFlow flow;
    private readonly LocalBuilder?[] registers = new LocalBuilder?[SlotCount];
    private readonly Label[] blockLabels;
    private readonly LocalBuilder pc;
    private readonly LocalBuilder retired;
    private readonly LocalBuilder tlb;
    private readonly LocalBuilder va;
    private readonly LocalBuilder entry;
    private readonly LocalBuilder flagKind;
    private readonly LocalBuilder flagA;
    private readonly LocalBuilder flagB;
    private readonly LocalBuilder condition;
    private readonly LocalBuilder outPc;
    private readonly LocalBuilder outBlock;
    private readonly LocalBuilder outOp;
    private readonly LocalBuilder outCode;
    private readonly ulong key;
    private readonly bool writesFlags;
    private ulong written;
    private ulong used;
    private ulong dirty;
    private FlagKind flags;
    private bool flagsPacked;
    private RegionBlock current = null!;

    public RegionEmitter(ILGenerator il, Region region, FloatEnvironment? floats)
    {
        this.floats = floats;
        this.il = il;
        this.region = region;
        flow = new RegionFlow(region);
        key = region.Blocks[0].Block->Key;
        blockLabels = new Label[region.Blocks.Count];
        for (var i = 0; i < blockLabels.Length; i++)
        {
            blockLabels[i] = il.DefineLabel();
        }

        foreach (var b in region.Blocks)
        {
            for (var i = 0; i < b.Block->OpCount; i++)
            {
                var op = b.Block->Ops + i;
                var traits = MicroOpTable.Traits(op->Kind);
                writesFlags |= (traits & MicroOpTraits.WritesFlags) != 0;
                if (op->Kind == MicroOpKind.JumpReg && op->Aux != 0)
                {
                    outType ??= il.DeclareLocal(typeof(long));
                }

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
        outPc = il.DeclareLocal(typeof(long));
        outBlock = il.DeclareLocal(typeof(long));
        outOp = il.DeclareLocal(typeof(long));
        outCode = il.DeclareLocal(typeof(int));
    }

    public void Emit()
    {
        if (region.Tier == CompileTier.Quick)
        {
            EmitCounter();
        }

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

        if (outType != null)
        {
            il.Emit(OpCodes.Ldc_I8, 0L);
            il.Emit(OpCodes.Stloc, outType);
        }

        if (flow.FlagsAtStart(0) == FlagKind.Dynamic)
        {
            il.Emit(OpCodes.Ldc_I4, (int)FlagKind.Memory);
            il.Emit(OpCodes.Stloc, flagKind);
        }

        for (var i = 0; i < region.Blocks.Count; i++)
        {
            EmitBlock(region.Blocks[i], i);
        }

        EmitSlowFloats();
        EmitExits();
    }

    /// <summary>Counts the entry, and leaves before it has begun when it is time for a region.</summary>
    private void EmitCounter()
    {
        var go = il.DefineLabel();
        Constant((nint)((byte*)region.Blocks[0].Block + EntriesLeftOffset));
        il.Emit(OpCodes.Dup);
        il.Emit(OpCodes.Ldind_I4);
        il.Emit(OpCodes.Ldc_I4_1);
        il.Emit(OpCodes.Sub);
        il.Emit(OpCodes.Stloc, condition);
        il.Emit(OpCodes.Ldloc, condition);
        il.Emit(OpCodes.Stind_I4);
        il.Emit(OpCodes.Ldloc, condition);
        il.Emit(OpCodes.Ldc_I4_0);
        il.Emit(OpCodes.Bge, go);
        StoreConstant(SideBlockOffset, region.Blocks[0].Handle);
        Return(CompiledExit.Promote);
        il.MarkLabel(go);
    }

    private void EmitBlock(RegionBlock b, int index)
    {
        current = b;
        il.MarkLabel(blockLabels[index]);
        dirty = flow.HasInternalEdges ? written : 0;
        flags = flow.FlagsAtStart(index);
        flagsPacked = false;
        ForgetGroups();
        knownVectors.Clear();
        var need = flow.InstructionsToNextCheck(index);
        if (need != 0)
        {
            // One check for every way from here to the next one: what is left of the budget is finished by the interpreter, block by block.
            il.Emit(OpCodes.Ldloc, retired);
            il.Emit(OpCodes.Ldc_I8, (long)need);
            il.Emit(OpCodes.Add);

            // Volatile: other threads zero it, and the compiler of the IL hoists plain loads out of a loop that stores nothing, guest loads included.
            Address(LimitOffset);
            il.Emit(OpCodes.Volatile);
            il.Emit(OpCodes.Ldind_I8);
            il.Emit(OpCodes.Bgt_Un, SideExitAt(0));
        }

        il.Emit(OpCodes.Ldloc, retired);
        il.Emit(OpCodes.Ldc_I8, (long)b.Block->Count);
        il.Emit(OpCodes.Add);
        il.Emit(OpCodes.Stloc, retired);
        for (var i = 0; i < b.Block->OpCount; i++)
        {
            var op = b.Block->Ops + i;
            if (i > 0 && op->Left != op[-1].Left)
            {
                // Temporaries end with their instruction: none is stored for a later one.
                dirty &= ~TemporaryMask;
            }

            EmitOp(op);
            FollowGroups(op);
        }
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
            if (op->Kind != MicroOpKind.CallVector)
            {
                Use(op->C);
            }

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
