// Groups of the instructions that need more around them than operands: pointer authentication, memory copies, hints that wait, system moves.
using Emu.Cpu.Arm64.Decode;

namespace Emu.Cpu.Arm64.Tests.Oracle;

/// <summary>Makes them; what a group consists of is said at each method.</summary>
public static class SpecialGroups
{
    /// <summary>HLT #0xF000: the reference answers it.</summary>
    public const uint SemihostingCall = 0xD45E_0000;

    private const uint Movz = 0xD280_0000;
    private const uint Movk16 = 0xF2A0_0000;
    private const uint Movk48 = 0xF2E0_0000;
    private const uint Sevl = 0xD503_20BF;
    private const uint AddImmediate = 0x9100_0000;
    private const uint SystemMove = 0xD518_0000;
    private const uint ReadBit = 1 << 21;

    // Registers named by op0 to op2 in a system move: those of EL0 whose values do not depend on the implementation.
    private const uint Nzcv = 0x0003_4200;
    private const uint Fpcr = 0x0003_4400;
    private const uint Fpsr = 0x0003_4420;
    private const uint Dit = 0x0003_42A0;
    private const uint Ssbs = 0x0003_42C0;
    private const uint TpidrEl0 = 0x0003_D040;
    private const uint TpidrroEl0 = 0x0003_D060;

    // SYS: DC ZVA, and the cache maintenance that EL0 may do.
    private const uint DcZva = 0xD50B_7420;
    // DC CVAC, DC CVAU, DC CIVAC, IC IVAU; DC CVAP and DC CVADP, which user mode of 7.2 does not let EL0 do.
    private static readonly uint[] CacheOperations = [0xD50B_7A20, 0xD50B_7B20, 0xD50B_7E20, 0xD50B_7520, 0xD50B_7C20, 0xD50B_7D20];
    private const int PersistenceOperations = 2;

    /// <summary>A write of TPIDR_EL0, which carries the counter of a loop.</summary>
    public static bool WritesThreadPointer(uint word) => (word & 0xFFFF_FFE0) == (SystemMove | TpidrEl0);

    /// <summary>Which register an MRS or MSR moves, with its other fields.</summary>
    public static uint FillSystemMove(OracleRandom random, A64Row row, uint register)
    {
        uint[] both = [Nzcv, Fpcr, Fpsr, Dit, Ssbs, TpidrEl0];
        var read = row.Value & ReadBit;
        var moved = read != 0 && random.OneIn(16) ? TpidrroEl0 : both[random.Next(both.Length)];
        return SystemMove | read | moved | register;
    }

    /// <summary>
    /// DIT and SSBS of the case before are unknown: they are written, then read. Null when the word is not a move of them.
    /// </summary>
    public static InstructionGroup? PstateMove(OracleRandom random, A64Row row, uint word)
    {
        var register = word & 31;
        foreach (var moved in (ReadOnlySpan<uint>)[Dit, Ssbs])
        {
            if ((word & ~(ReadBit | 31)) == (SystemMove | moved))
            {
                uint[] words = [SystemMove | moved | (uint)random.Next(32), SystemMove | ReadBit | moved | register];
                return new InstructionGroup(words, row, Placement.None, 0, false);
            }
        }

        return null;
    }

    /// <summary>MSR (immediate) of DIT or SSBS and a read of it; any other is UNDEFINED at EL0.</summary>
    public static InstructionGroup PstateImmediate(OracleRandom random, A64Row row)
    {
        var dit = random.OneIn(2);
        var write = (dit ? 0xD503_405Fu : 0xD503_403F) | ((uint)random.Next(16) << 8);
        return new InstructionGroup([write, SystemMove | ReadBit | (dit ? Dit : Ssbs) | (uint)random.Next(32)], row, Placement.None, 0, false);
    }

    /// <summary>An address, then cache maintenance by it; or as many DC ZVA as clear the reference's block of 512 bytes with Emu's of 64.</summary>
    public static InstructionGroup CacheMaintenance(OracleRandom random, A64Row row, uint word, Reference reference)
    {
        var n = word & 31;
        n = n == 31 ? 0 : n;
        if (random.OneIn(2))
        {
            List<uint> words = [];
            var operation = CacheOperations[random.Next(CacheOperations.Length - (reference == Reference.Installed ? PersistenceOperations : 0))];
            Move(words, n, OracleLayout.Window + (ulong)random.Next(OracleLayout.WindowSize));
            words.Add(operation | n);
            return new InstructionGroup([.. words], row, Placement.None, 0, true);
        }

        const uint EmuBlock = 64;
        List<uint> clear = [];
        var block = OracleLayout.Window + (random.OneIn(2) ? 0UL : 512);
        Move(clear, n, block + (ulong)random.Next((int)EmuBlock));
        for (var i = 0; i < 512; i += (int)EmuBlock)
        {
            if (i > 0)
            {
                clear.Add(AddImmediate | (EmuBlock << 10) | (n << 5) | n);
            }

            clear.Add(DcZva | n);
        }

        return new InstructionGroup([.. clear], row, Placement.None, 0, true);
    }

    /// <summary>A SYS that is not EL0's: op1 is 0, 4 or 6.</summary>
    public static uint PrivilegedOperation(OracleRandom random)
    {
        uint[] levels = [0, 4, 6];
        return 0xD508_0000 | (levels[random.Next(3)] << 16) | ((uint)random.Next() & 0xFFFF);
    }

    /// <summary>WFE and WFET find the event that SEVL left; WFIT's time is long over.</summary>
    public static InstructionGroup? Wait(A64Row row, uint word) => row.Name switch
    {
        "WFE" or "WFET" => new InstructionGroup([Sevl, word], row, Placement.None, 0, false),
        "WFIT" => new InstructionGroup((word & 31) == 31 ? [word] : [Movz | (word & 31), word], row, Placement.None, 0, false),
        _ => null,
    };

    /// <summary>The three instructions of a memory copy or set, behind their operands: in between, the registers are the implementation's.</summary>
    public static InstructionGroup MemoryCopy(OracleRandom random, A64Row row, uint word)
    {
        const int Room = OracleLayout.WindowSize;
        uint d = word & 31, n = (word >> 5) & 31, s = (word >> 16) & 31;
        var set = row.Name.StartsWith("SET", StringComparison.Ordinal);
        var size = random.Next(8) switch { 0 => 0, 1 => 1, 2 => 8 * random.Next(16), 3 => random.Next(20), _ => random.Next(Room / 2) };
        var to = random.Next(Room - size);
        var from = random.Next(Room - size);
        var forwardOnly = (word & (1 << 26)) == 0;
        if (forwardOnly && to > from && to < from + size)
        {
            // Which bytes CPYF repeats depends on how many it moves at a time.
            (to, from) = (from, to);
        }

        List<uint> words = [];
        Move(words, d, OracleLayout.Window + (ulong)to);
        words.Add(Movz | ((uint)size << 5) | n);
        if (!set)
        {
            Move(words, s, OracleLayout.Window + (ulong)from);
        }

        var stage = set ? 14 : 22;
        var prologue = word & ~(3u << stage);
        words.AddRange([prologue, prologue | (1u << stage), prologue | (2u << stage)]);
        return new InstructionGroup([.. words], row, Placement.None, 0, true);
    }

    /// <summary>A pointer to sign; or a pointer signed, then what authenticates it, once in a while without the signing.</summary>
    public static InstructionGroup? PointerAuthentication(OracleRandom random, A64Row row, uint word, ulong forward)
    {
        uint d = word & 31, n = (word >> 5) & 31;
        var sign = !random.OneIn(8);
        List<uint> words = [];
        switch (row.Name)
        {
            case "BRAAZ, BRABZ" or "BLRAAZ, BLRABZ" or "BRAA, BRAB" or "BLRAA, BLRAB":
                if (n == 31 || n == d)
                {
                    return null;
                }

                // PACIZA, PACIZB or PACIA, PACIB Xn, Xm|SP; bit 10 is the key.
                var zeroModifier = (word & (1 << 24)) == 0;
                words.AddRange([Movz | n, Movk16 | n]);
                Sign(zeroModifier ? 0xDAC1_23E0 | (word & 0x400) | n : 0xDAC1_0000 | (word & 0x400) | (d << 5) | n);
                words.Add(word);
                return new InstructionGroup([.. words], row, Placement.BranchRegister, forward, false);
            case "RETAA, RETAB":
                words.AddRange([Movz | 30, Movk16 | 30]);
                Sign((word & 0x400) == 0 ? 0xD503_233F : 0xD503_237F);
                words.Add(word);
                return new InstructionGroup([.. words], row, Placement.BranchRegister, forward, false);
            case "LDRAA, LDRAB":
                return LoadAuthenticated(random, row, word, sign);
            case "ERETAA, ERETAB":
                return new InstructionGroup([word], row, Placement.None, 0, false);
            case "PACGA":
                break;
            default:
                var hint = word >> 24 == 0xD5;
                var pointer = !hint ? d : (word & 0xF00) == 0x100 ? 17u : 30;
                if (pointer != 31)
                {
                    MovePointer(random, words, pointer);
                }

                // What authenticates differs from what signs by a bit.
                var authenticates = hint ? 0x80u : 0x1000;
                if ((word & authenticates) != 0)
                {
                    Sign(word & ~authenticates);
                }

                break;
        }

        words.Add(word);
        return new InstructionGroup([.. words], row, Placement.None, 0, false);

        void Sign(uint signing)
        {
            if (sign)
            {
                words.Add(signing);
            }
        }
    }

    private static InstructionGroup? LoadAuthenticated(OracleRandom random, A64Row row, uint word, bool sign)
    {
        uint t = word & 31, n = (word >> 5) & 31;
        var writeback = (word & 0x800) != 0;
        if (writeback && t == n && n != 31)
        {
            return null;
        }

        // simm10 is S and imm9, in units of 8 bytes.
        var offset = (long)((ulong)(((word >> 13) & 0x200) | ((word >> 12) & 0x1FF)) << 54) >> 51;
        var target = OracleLayout.Window + 128 + (ulong)random.Next(OracleLayout.WindowSize - 256);
        var at = target - (ulong)offset;
        var carrier = n == 31 ? 1 : n;
        List<uint> words = [];
        Move(words, carrier, n == 31 ? at & ~15UL : at);
        if (sign)
        {
            // PACDZA or PACDZB.
            words.Add(((word & (1 << 23)) == 0 ? 0xDAC1_2BE0u : 0xDAC1_2FE0) | carrier);
        }

        if (n == 31)
        {
            words.Add(AddImmediate | (carrier << 5) | 31);
        }

        words.Add(word);
        return new InstructionGroup([.. words], row, Placement.None, 0, true);
    }

    // Addresses of both halves, with and without something in the top byte and in the bits that carry codes. Bit 55 set with bit 63 clear is
    // left out: with TBI0 and without TBI1, AddPAC() takes such a pointer's half from bit 55 and qemu from bit 63.
    private static void MovePointer(OracleRandom random, List<uint> words, uint register)
    {
        const uint ClearBit55 = 0x9248_F800;
        if (random.OneIn(4))
        {
            words.Add(ClearBit55 | (register << 5) | register);
            return;
        }

        uint[] tops = [0, 0, 0xFFFF, 0x5A00, 0x8080, 0xFF7F, 0x007F, 0xFF80, (uint)random.Next(65536) & ~0x80u];
        Move(words, register, (uint)random.Next());
        words.Add(Movk48 | (tops[random.Next(tops.Length)] << 5) | register);
    }

    private static void Move(List<uint> words, uint register, ulong value)
    {
        words.Add(Movz | ((uint)(value & 0xFFFF) << 5) | register);
        words.Add(Movk16 | ((uint)((value >> 16) & 0xFFFF) << 5) | register);
    }
}
