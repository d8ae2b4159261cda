// Makes instruction groups from decode rows: fields with biases, operands that keep accesses in the window, branches forward.
using Emu.Cpu.Arm64.Decode;
using Emu.Cpu.Arm64.Translate;
using Emu.Cpu.Ir;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Generates groups; one for each thread that generates.</summary>
public sealed unsafe class InstructionGenerator : IDisposable
{
    private const uint Movz = 0xD280_0000;
    private const uint Movn = 0x9280_0000;
    private const uint Movk16 = 0xF2A0_0000;
    private const uint Movk32 = 0xF2C0_0000;
    private const uint WriteFpcr = 0xD51B_4400;
    private const uint WriteFpsr = 0xD51B_4420;
    private const uint Clrex = 0xD503_3F5F;

    private readonly BlockBuilder builder = new();
    private readonly A64Translator translator = new();
    private readonly HashSet<string> muted = [];
    private readonly Reference reference;
    private A64Row[] rows;

    // Rows that always end their sequence take turns, so that a few draws meet them all.
    private A64Row[] ending;
    private int nextEnding;

    /// <summary>Creates a generator over the rows that are compared with a reference and whose name contains a text.</summary>
    public InstructionGenerator(Reference reference, string filter = "")
    {
        this.reference = reference;
        rows = [.. A64Decoder.Rows.Where(r => RowFilter.Reason(r, reference) == null && Matches(r, filter))];
        ending = [.. rows.Where(EndsSequence)];
        Unallocated = filter.Length == 0;
        var nop = 0xD503_201F;
        builder.Begin(0);
        translator.TranslateBlock(builder, A64Mode.None, (byte*)&nop, 4, 1);
    }

    /// <summary>Rows drawn from.</summary>
    public IReadOnlyList<A64Row> Rows => rows;

    /// <summary>Words that no row matches are drawn too.</summary>
    public bool Unallocated { get; }

    /// <summary>Stops drawing a row.</summary>
    public void Mute(string name)
    {
        muted.Add(name);
        rows = [.. rows.Where(r => r.Name != name)];
        ending = [.. rows.Where(EndsSequence)];
    }

    /// <summary>Whether a row was muted.</summary>
    public bool IsMuted(string name) => muted.Contains(name);

    /// <summary>A group; null when the draw has to be repeated.</summary>
    /// <param name="random">Source.</param>
    /// <param name="undefined">The word is UNDEFINED on Emu: nothing after it runs.</param>
    public InstructionGroup? Draw(OracleRandom random, out bool undefined)
    {
        undefined = false;
        if (Unallocated && random.OneIn(400) && !muted.Contains("unallocated"))
        {
            undefined = true;
            return DrawUnallocated(random);
        }

        var row = rows[random.Next(rows.Length)];
        if (ending.Length > 0 && random.OneIn(60))
        {
            row = ending[nextEnding++ % ending.Length];
        }
        else if (EndsSequence(row))
        {
            return null;
        }

        if (row.Name == "SYS" && random.OneIn(8))
        {
            undefined = true;
            return new InstructionGroup([SpecialGroups.PrivilegedOperation(random)], row, Placement.None, 0, false);
        }

        var word = 0u;
        for (var attempt = 0; ; attempt++)
        {
            word = Fill(random, row);
            if (reference.ChecksShouldBeOne || !random.OneIn(8))
            {
                word |= LoadStore.ShouldBeOne(word) & ~row.Mask;
            }

            if (A64Decoder.Decode(word) != row || UnpredictableFilter.IsUnpredictable(word) || word == SpecialGroups.SemihostingCall)
            {
                if (attempt > 50)
                {
                    return null;
                }

                continue;
            }

            undefined = row.Name is not ("SYS" or "MSR (immediate)") && row.Feature != "FEAT_WFxT" && !IsAllocated(row, word);
            if (!undefined || attempt > 50 || random.OneIn(60) || row.Status != A64RowStatus.Implemented)
            {
                break;
            }
        }

        return undefined ? new InstructionGroup([word], row, Placement.None, 0, false) : Prepare(random, row, word);
    }

    /// <summary>A word of a row that is allocated.</summary>
    public uint DrawWord(OracleRandom random, A64Row row)
    {
        while (true)
        {
            var word = Fill(random, row);
            if (A64Decoder.Decode(word) == row && IsAllocated(row, word))
            {
                return word;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => builder.Dispose();

    private static bool EndsSequence(A64Row row) => row.Status != A64RowStatus.Implemented || RowFilter.IsAlwaysUndefined(row);

    private static bool Matches(A64Row row, string filter) =>
        filter.Length == 0 || filter.Split('|').Any(f => row.Name.Contains(f, StringComparison.OrdinalIgnoreCase) || row.Feature == f);

    private bool IsAllocated(A64Row row, uint word)
    {
        builder.Begin(0);
        builder.NextInstruction(4);
        return row.Status == A64RowStatus.Implemented && row.Handler(translator, word);
    }

    // Memory tagging, which the reference has, is left out; so are FMOV (vector, immediate, half) with op set, which it takes for a move of
    // doubles, and FMAXV, FMINV, FMAXNMV and FMINNMV (half) with bit 22 set, which it ignores. Half of the words are in the branches and system
    // instructions, where few are free.
    private static InstructionGroup? DrawUnallocated(OracleRandom random)
    {
        const uint BranchesAndSystem = 0x1400_0000;
        for (var attempt = 0; attempt < 100; attempt++)
        {
            var word = (uint)(random.Next() >> 32);
            word = random.OneIn(2) ? (word & ~0x1C00_0000u) | BranchesAndSystem : word;
            var memoryTags = (word & 0x3F20_0000) == 0x1920_0000;
            var halfMove = (word & 0x9FF8_FC00) == 0x0F00_FC00;
            var halfAcross = (word & 0xBF7F_CC00) == 0x0E70_C800;
            if (!memoryTags && !halfMove && !halfAcross && A64Decoder.Decode(word) == null)
            {
                return new InstructionGroup([word], null, Placement.None, 0, false);
            }
        }

        return null;
    }

    // Letters in a run are a field: registers repeat and reach 31 often, immediates are at their edges often.
    private static uint Fill(OracleRandom random, A64Row row)
    {
        if (RowFilter.IsRegisterMove(row))
        {
            return SpecialGroups.FillSystemMove(random, row, Register(random));
        }

        var word = row.Value;
        var pattern = row.Pattern;
        for (var i = 0; i < 32;)
        {
            var letter = pattern[i];
            if (letter is '0' or '1')
            {
                i++;
                continue;
            }

            var end = i + 1;
            while (end < 32 && pattern[end] == letter)
            {
                end++;
            }

            var width = end - i;
            var low = 32 - end;
            var mask = (uint)((1UL << width) - 1);
            uint value;
            if (width == 5 && low is 0 or 5 or 10 or 16)
            {
                value = Register(random);
            }
            else if (width >= 6)
            {
                value = random.Next(8) switch
                {
                    0 => 0,
                    1 => mask,
                    2 => 1u << random.Next(width),
                    3 => (mask >> 1) + (uint)random.Next(2),
                    _ => (uint)random.Next() & mask,
                };
            }
            else
            {
                value = (uint)random.Next() & mask;
            }

            word |= value << low;
            i = end;
        }

        return word;
    }

    private static uint Register(OracleRandom random) => random.Next(8) switch
    {
        0 => 31,
        1 or 2 or 3 => (uint)random.Next(4),
        _ => (uint)random.Next(32),
    };

    private InstructionGroup? Prepare(OracleRandom random, A64Row row, uint word)
    {
        var forward = (ulong)(1 + random.Next(3));
        if (PrepareSpecial(random, row, word, forward, out var special))
        {
            return special;
        }

        if ((word & 0x7C00_0000) == 0x1400_0000)
        {
            return new InstructionGroup([word & 0xFC00_0000], row, Placement.Branch26, forward, false);
        }

        if ((word & 0xFF00_0000) == 0x5400_0000 || (word & 0x7E00_0000) == 0x3400_0000)
        {
            return new InstructionGroup([word & 0xFF00_001F], row, Placement.Branch19, forward, false);
        }

        if ((word & 0x7E00_0000) == 0x3600_0000)
        {
            return new InstructionGroup([word & 0xFFF8_001F], row, Placement.Branch14, forward, false);
        }

        if ((word & 0xFE00_0000) == 0xD600_0000)
        {
            var target = (word >> 5) & 31;
            return target == 31 ? null : new InstructionGroup([Movz | target, Movk16 | target, word], row, Placement.BranchRegister, forward, false);
        }

        if ((word & 0xFFFF_FFE0) == WriteFpcr)
        {
            // AArch32's Len and Stride may read as written or as zero, and what the reference has besides Emu is left alone.
            return WriteOf(row, word, (uint)random.Next() & (random.OneIn(4) ? ~reference.ForeignFpcr : (uint)StateGenerator.FpcrMask));
        }

        if ((word & 0xFFFF_FFE0) == WriteFpsr)
        {
            // The same for AArch32's condition flags.
            return WriteOf(row, word, (uint)random.Next() & (random.OneIn(4) ? 0x0FFF_FFFF : (uint)StateGenerator.FpsrMask));
        }

        if (LoadStore.Is(word))
        {
            return PrepareMemory(random, row, word);
        }

        return new InstructionGroup([word], row, Placement.None, 0, false);
    }

    private static InstructionGroup? WriteOf(A64Row row, uint word, uint value)
    {
        var source = word & 31;
        return source == 31 ? null : new InstructionGroup([Movz | ((value & 0xFFFF) << 5) | source, Movk16 | ((value >> 16) << 5) | source, word], row, Placement.None, 0, false);
    }

    private bool PrepareSpecial(OracleRandom random, A64Row row, uint word, ulong forward, out InstructionGroup? group)
    {
        group = row switch
        {
            { Name: "MSR (immediate)" } => SpecialGroups.PstateImmediate(random, row),
            { Name: "MRS" or "MSR (register)" } => SpecialGroups.PstateMove(random, row, word),
            { Name: "SYS" } => SpecialGroups.CacheMaintenance(random, row, word, reference),
            { Name: "WFE" } or { Feature: "FEAT_WFxT" } => SpecialGroups.Wait(row, word),
            { Feature: "FEAT_MOPS" } => SpecialGroups.MemoryCopy(random, row, word),
            _ => RowFilter.IsPointerAuthentication(row) ? SpecialGroups.PointerAuthentication(random, row, word, forward) : null,
        };
        return group != null || RowFilter.IsPointerAuthentication(row);
    }

    private InstructionGroup? PrepareMemory(OracleRandom random, A64Row row, uint word)
    {
        var kind = LoadStore.Classify(word);
        uint t = word & 31, n = (word >> 5) & 31, t2 = (word >> 10) & 31, m = (word >> 16) & 31;
        var target = OracleLayout.Window + (random.OneIn(3)
            ? 512 - (ulong)random.Next(32)
            : 128 + (ulong)random.Next(OracleLayout.WindowSize - 256));
        var storeExclusive = kind == LoadStoreClass.Exclusive && (word & (1 << 22)) == 0;
        var misaligned = reference.FaultsOnMisaligned && !storeExclusive && row.Feature != "FEAT_LRCPC" && random.OneIn(16);
        if (!storeExclusive && random.OneIn(40))
        {
            // Nothing is mapped there.
            target = OracleLayout.Scratch + OracleLayout.ScratchSize + 256 + (ulong)random.Next(2048);
        }

        List<uint> words = [];
        switch (kind)
        {
            case LoadStoreClass.Other:
                return null;
            case LoadStoreClass.Literal:
                return new InstructionGroup([word & 0xFF00_001F], row, Placement.Literal, target & ~3UL, true);
            case LoadStoreClass.Exclusive or LoadStoreClass.Ordered or LoadStoreClass.CompareAndSwap or LoadStoreClass.Atomic:
                target &= misaligned ? ulong.MaxValue : ~15UL;
                break;
            case LoadStoreClass.OrderedUnscaled:
                target &= misaligned ? ulong.MaxValue : ~7UL;
                break;
            default:
                if (random.OneIn(2))
                {
                    target &= ~15UL;
                }

                break;
        }

        var bas = target - (ulong)LoadStore.Offset(word);
        if (kind == LoadStoreClass.Register)
        {
            if (m == n)
            {
                return null;
            }

            var shift = (word & (1 << 12)) != 0 ? LoadStore.Scale(word) : 0;
            var signed = (word & (1 << 15)) != 0 || (word & (1 << 13)) != 0;
            var narrow = (word & (1 << 13)) == 0;
            long index = random.Next(17);
            if (signed && random.OneIn(2))
            {
                index = -index;
            }

            if (m == 31)
            {
                index = 0;
            }
            else
            {
                words.Add(index >= 0 ? Movz | ((uint)index << 5) | m : Movn | ((uint)~index << 5) | m);
                if (narrow)
                {
                    words.Add(Movk32 | ((uint)random.Next(65536) << 5) | m);
                }
            }

            bas -= (ulong)(index << shift);
        }

        if (n == 31)
        {
            if (kind == LoadStoreClass.OrderedUnscaled && !reference.FaultsOnMisaligned && (bas & 7) != 0)
            {
                return null;
            }

            // SP stays aligned: whether misalignment is checked is the system's choice.
            bas &= ~15UL;
            var carrier = (m + 1) % 31;
            Move(words, carrier, bas);
            words.Add(0x9100_001F | (carrier << 5));
        }
        else
        {
            Move(words, n, bas);
        }

        if (storeExclusive)
        {
            PrepareStoreExclusive(random, words, word, n);
        }

        words.Add(word);
        return new InstructionGroup([.. words], row, Placement.None, 0, true);
    }

    // A store-exclusive follows its load, or a CLREX: any other state of the monitor is the implementation's choice.
    private static void PrepareStoreExclusive(OracleRandom random, List<uint> words, uint word, uint n)
    {
        if (random.OneIn(4))
        {
            words.Insert(0, Clrex);
            return;
        }

        var r1 = (n + 1) % 31;
        var r2 = (n + 2) % 31;
        var pair = (word & (1 << 21)) != 0;
        words.Add((word & 0xFFE0_83E0) | (1 << 22) | (31 << 16) | ((pair ? r2 : 31) << 10) | r1);
    }

    private static void Move(List<uint> words, uint register, ulong value)
    {
        words.Add(Movz | ((uint)(value & 0xFFFF) << 5) | register);
        words.Add(Movk16 | ((uint)((value >> 16) & 0xFFFF) << 5) | register);
    }
}
